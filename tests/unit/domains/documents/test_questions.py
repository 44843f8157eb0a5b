"""Pairs from documents alone: what asks, what answers, and what is kept apart."""

import json

import numpy as np
import polars as pl
import pytest

import hardneg as hn
from hardneg.cli import main
from hardneg.domains.documents import questions_from, read_documents, write_questions
from hardneg.domains.documents.crops import crops
from hardneg.domains.documents.sections import markdown_sections
from hardneg.errors import DatasetError
from made_up_articles import WORDS, articles

PAGE = """Words before the first heading are a section without one.

# How it begins
The first steps are these, and no others.

```sh
# this is no heading
echo go on and on
```

## Install it from source ##
Take the source and build it on your machine.

# How it ends
All is well that ends well, and so on.
"""


@pytest.fixture
def file(tmp_path):
    articles().write_ndjson(tmp_path / "articles.jsonl")
    return tmp_path / "articles.jsonl"


def test_sections_of_markdown_end_at_the_next_heading_and_code_has_none():
    paths = [(section.path, section.text.split()[0] if section.text else "") for section in markdown_sections(PAGE)]
    assert paths == [
        ((), "Words"),
        (("How it begins",), "The"),
        (("How it begins", "Install it from source"), "Take"),
        (("How it ends",), "All"),
    ]
    assert "# this is no heading" in list(markdown_sections(PAGE))[1].text


def test_crops_are_spans_of_their_text_of_a_tenth_to_a_half_and_drawn_apart():
    texts = articles(200)["text"]
    first, second = crops(texts, seed=3)
    for whole, *both in zip(texts, first, second, strict=True):
        assert all(each in whole and 8 <= len(each.split()) <= 40 for each in both)
    lengths = np.array([[len(each.split()) for each in side] for side in (first, second)])
    assert abs(np.corrcoef(lengths)[0, 1]) < 0.2
    assert crops(texts, seed=3)[0].equals(first)
    assert not crops(texts, seed=4)[0].equals(first)
    assert crops(pl.Series(["too few words"]), seed=0)[0].to_list() == [None]


def test_a_title_asks_for_its_text_and_a_crop_for_a_crop_of_the_same(file):
    documents, _ = read_documents([file])
    data = questions_from(documents, seed=1).dataset
    pairs = data.with_ids(data.qrels).join(
        data.queries.select(query_id="id", kind="kind", origin="from"), on="query_id"
    )
    wanted = pl.when(pl.col("kind") == "crop").then(pl.col("origin") + "#crop").otherwise(pl.col("origin"))
    assert (pairs["doc_id"] == pairs.select(wanted).to_series()).all()
    text = dict(data.documents.select("id", "text").iter_rows())
    titles = articles().select("id", "title", "text")
    for id_, title, whole in titles.iter_rows():
        assert text[id_] == whole
        assert title in data.queries.filter((pl.col("from") == id_) & (pl.col("kind") == "title"))["text"].to_list()


def test_nothing_of_one_text_is_a_negative_of_what_was_made_from_it(file):
    documents, _ = read_documents([file])
    data = questions_from(documents).dataset
    position = {id_: at for at, id_ in enumerate(data.documents["id"])}
    for at, origin in enumerate(data.queries["from"]):
        mates = [position[each] for each in (origin, f"{origin}#crop") if each in position]
        assert data.is_answer(np.full(len(mates), at), np.array(mates)).all()


def test_one_source_is_of_one_split_and_so_are_nearly_equal_texts(tmp_path):
    table = articles(40)
    twins = table.head(15).with_columns(pl.col("id") + "-again", pl.col("title") + " anew", pl.col("text") + " end")
    pl.concat([table, twins]).write_ndjson(tmp_path / "twins.jsonl")
    documents, _ = read_documents([tmp_path / "twins.jsonl"])
    data = questions_from(documents, test_share=0.3, dev_share=0.2).dataset
    splits = {query: data.splits[number] for query, number in enumerate(data.query_split)}
    by_text = {}
    for at, origin in enumerate(data.queries["from"]):
        by_text.setdefault(origin.removesuffix("-again"), set()).add(splits[at])
    assert all(len(each) == 1 for each in by_text.values())
    assert {"train", "dev", "test"} == set().union(*by_text.values())


def test_crops_are_trained_on_alone_where_titles_can_be_measured(file):
    documents, _ = read_documents([file])
    data = questions_from(documents).dataset
    for split in ("dev", "test"):
        assert set(data.queries[data.queries_of(split)]["kind"]) == {"title"}
    held_out = data.queries[np.concatenate([data.queries_of("dev"), data.queries_of("test")])]["from"]
    assert not set(data.documents["id"]) & {f"{each}#crop" for each in held_out}
    alone = questions_from(documents, kinds=["crop"]).dataset
    assert set(alone.queries[alone.queries_of("test")]["kind"]) == {"crop"}
    assert alone.documents["id"].str.ends_with("#crop").all()


def test_a_title_that_its_text_repeats_is_left_out(tmp_path):
    table = articles(30).with_columns(
        text=pl.when(pl.col("id") == "a3")
        .then(pl.col("title").str.to_uppercase() + " " + pl.col("text"))
        .otherwise("text")
    )
    table.write_ndjson(tmp_path / "repeats.jsonl")
    documents, _ = read_documents([tmp_path / "repeats.jsonl"])
    data = questions_from(documents, kinds=["title"]).dataset
    assert "a3" not in data.queries["from"].to_list()
    assert data.n_queries == 29


def test_the_command_reads_pages_and_writes_what_is_measured_apart(tmp_path, capsys):
    pages = tmp_path / "pages"
    rng = np.random.default_rng(1)
    for number in range(12):
        (pages / f"{number % 3}").mkdir(parents=True, exist_ok=True)
        text = "\n".join(f"# {' '.join(rng.choice(WORDS, 3))}\n{' '.join(rng.choice(WORDS, 30))}" for _ in range(4))
        (pages / f"{number % 3}" / f"{number}.md").write_text(text)
    out = tmp_path / "out"
    assert main(["data", "questions", str(pages), "-o", str(out), "--json", "--test-share", "0.3"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["kinds"]["heading"] == 48
    data = hn.read_dataset(out)
    assert set(data.splits) == {"train", "dev", "test"}
    files = data.queries.select("source", split=pl.Series(data.query_split)).unique()
    assert files["source"].n_unique() == files.height == 12
    evaluation = hn.read_dataset(out / "evaluation")
    assert set(evaluation.splits) == {"dev", "test"}
    assert evaluation.fingerprint == json.loads((out / "evaluation" / "frozen.json").read_text())["fingerprint"]
    assert main(["data", "questions", str(pages), "-o", str(out)]) == 2
    assert "already holds a dataset" in capsys.readouterr().err


def test_what_gives_no_pair_is_one_message(tmp_path, file):
    documents, _ = read_documents([file])
    with pytest.raises(DatasetError, match="'poem' is not known; name some of: title, heading, crop"):
        questions_from(documents, kinds=["poem"])
    with pytest.raises(DatasetError, match="no pair of kind heading can be made of 60 documents"):
        questions_from(documents, kinds=["heading"])
    (tmp_path / "page.md").write_bytes(b"# a b\n\xff")
    with pytest.raises(DatasetError, match="no UTF-8 at byte 6"):
        read_documents([tmp_path / "page.md"])
    with pytest.raises(DatasetError, match="two documents have the id"):
        read_documents([file, file])


def test_a_dataset_gives_its_documents(tmp_path, file):
    documents, _ = read_documents([file])
    write_questions(questions_from(documents, kinds=["crop"]), tmp_path / "first")
    again, _ = read_documents([tmp_path / "first"])
    assert again.height == 60


def test_with_nothing_held_out_all_is_trained_on(file, tmp_path):
    dealt = questions_from(read_documents([file])[0], test_share=0.0, dev_share=0.0)
    assert tuple(dealt.dataset.splits) == ("train",)
    assert "nothing is held out" in dealt.notes
    write_questions(dealt, tmp_path / "out")
    assert hn.read_dataset(tmp_path / "out").fingerprint == dealt.dataset.fingerprint
    assert not (tmp_path / "out" / "evaluation").exists()
