from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.data.splitting import Dealing, held_out, split_dataset
from hardneg.errors import DatasetError


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "x.csv"
    rows = "".join(f"query {i},answer {i}\nquery {i},other {i}\n" for i in range(200))
    path.write_text("query,positive\n" + rows)
    return read_dataset(path)


def test_about_the_share_is_held_out_by_query(pairs):
    divided = held_out(pairs, test_share=0.25, seed=0)
    train, test = set(divided.queries_of("train")), set(divided.queries_of("test"))
    assert not train & test
    assert len(train | test) == 200
    assert 35 <= len(test) <= 65
    assert divided.qrels["split"].to_list() == held_out(pairs, test_share=0.25, seed=0).qrels["split"].to_list()


def test_queries_of_equal_text_stay_together(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("query,positive\n" + "".join(f"same {i},a\nSAME  {i},b\n" for i in range(50)))
    divided = held_out(read_dataset(path), test_share=0.5, seed=1)
    splits = {}
    for query, _, _, split in divided.qrels.iter_rows():
        splits.setdefault(int(divided.query_text_group[query]), set()).add(split)
    assert len(splits) == 50
    assert all(len(found) == 1 for found in splits.values())


def test_a_dataset_with_splits_is_left_alone(tiny):
    with pytest.raises(DatasetError, match="already has the splits train, test"):
        held_out(tiny, test_share=0.3, seed=0)


@pytest.mark.parametrize(("share", "message"), [(0.0, "between 0 and 1"), (0.0001, "too few queries")])
def test_a_share_that_leaves_nothing_is_refused(pairs, share, message):
    with pytest.raises(DatasetError, match=message):
        held_out(pairs, test_share=share, seed=0)


def built(texts, answers, *, documents=None, **columns):
    """A dataset whose query i has the text i and the answers of i; documents are numbered."""
    n = 1 + max(document for each in answers for document in each)
    labels = [(f"q{query}", f"d{document}") for query, each in enumerate(answers) for document in each]
    return Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(len(texts))], "text": texts, **columns}),
        documents if documents is not None else numbered(n),
        pl.DataFrame(labels, schema=["query_id", "doc_id"], orient="row").with_columns(
            relevance=pl.lit(1), split=pl.lit("train")
        ),
        name="built",
    )


NAMES = [f"{a}{b}{c}{d}{e}" for a in "bdgkl" for b in "aeiou" for c in "mnprs" for d in "aeiou" for e in "ltz"]


def names(n, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(NAMES, 6)) for _ in range(n)]


def numbered(n, **columns):
    return pl.DataFrame({"id": [f"d{i}" for i in range(n)], "text": names(n, seed=1), **columns})


def split_of_queries(dataset):
    found = {}
    for query, split in dataset.qrels.filter(pl.col("relevance") > 0).select("query", "split").iter_rows():
        found.setdefault(query, set()).add(split)
    return found


def test_shares_are_met_and_the_same_seed_gives_the_same_splits():
    data = built(names(400), [[i] for i in range(400)])
    dealt = split_dataset(data, Dealing(seed=5))
    assert dealt.queries == {"train": 280, "dev": 40, "test": 80}
    assert dealt.dataset.qrels.equals(split_dataset(data, Dealing(seed=5)).dataset.qrels)
    assert not dealt.dataset.qrels.equals(split_dataset(data, Dealing(seed=6)).dataset.qrels)
    assert (dealt.pieces, dealt.unused, dealt.notes) == (400, 0, ())


def test_more_queries_leave_most_of_the_others_where_they_were():
    texts = names(400)
    before = split_of_queries(split_dataset(built(texts[:380], [[i] for i in range(380)])).dataset)
    after = split_of_queries(split_dataset(built(texts, [[i] for i in range(400)])).dataset)
    assert sum(before[query] == after[query] for query in before) > 350


@pytest.mark.parametrize(
    "changed", [str.upper, lambda text: f"{text}?", lambda text: text[:9] + text[10:], lambda text: text]
)
def test_queries_of_equal_and_nearly_equal_text_stay_together(changed):
    texts = names(100)
    data = built(texts + [changed(text) for text in texts], [[i] for i in range(200)])
    splits = split_of_queries(split_dataset(data, Dealing(test_share=0.3)).dataset)
    assert all(splits[i] == splits[100 + i] for i in range(100))
    assert {name for each in splits.values() for name in each} == {"train", "dev", "test"}


def test_queries_that_share_a_positive_or_a_copy_of_it_stay_together_unless_they_need_not():
    documents = numbered(150)
    documents = documents.with_columns(
        text=pl.when(pl.int_range(150) < 100).then("text").otherwise(pl.col("text").gather(pl.int_range(150) % 100))
    )
    chain = [[i // 2, 100 + i // 4] if i % 4 == 0 and i < 200 else [i // 2] for i in range(200)]
    data = built(names(200), chain, documents=documents)
    dealt = split_dataset(data, Dealing(test_share=0.3))
    groups = {}
    for _, document, _, split in dealt.dataset.qrels.iter_rows():
        groups.setdefault(int(data.text_group[document]), set()).add(split)
    assert all(len(splits) == 1 for splits in groups.values())
    loose = split_dataset(data, Dealing(test_share=0.3, shared_positives=True))
    assert any(len(set(splits)) > 1 for splits in zip(*[iter(loose.dataset.qrels["split"][:100])] * 2, strict=True))


def test_a_popular_positive_that_ties_all_is_named_with_the_ways_out():
    data = built(names(100), [[0, 1 + i] for i in range(100)])
    with pytest.raises(
        DatasetError, match=r"100% of it hang together \(document 'd0' alone answers 100 queries\)"
    ) as e:
        split_dataset(data)
    for way_out in ("--shared-positives", "--by document", "--group COLUMN", "--time COLUMN"):
        assert way_out in str(e.value)
    most = built(names(100), [[0, 1 + i] if i < 65 else [1 + i] for i in range(100)])
    assert "65% of it hang together" in split_dataset(most).notes[0]
    assert split_dataset(data, Dealing(shared_positives=True)).queries == {"train": 70, "dev": 10, "test": 20}


def test_by_document_no_answer_of_test_is_trained_on_and_labels_between_are_kept_unused():
    rng = np.random.default_rng(0)
    data = built(names(200), [sorted({0, *rng.choice(200, 2).tolist()} if i < 60 else {i}) for i in range(200)])
    dealt = split_dataset(data, Dealing(by="document"))
    rows = dealt.dataset.qrels
    trained, tested = (set(rows.filter(pl.col("split") == name)["document"]) for name in ("train", "test"))
    assert not trained & tested
    asked, measured = (set(rows.filter(pl.col("split") == name)["query"]) for name in ("train", "test"))
    assert not asked & measured
    assert dealt.unused == rows.filter(pl.col("split") == "unused").height > 0
    assert "unused" in dealt.notes[0]
    assert dealt.dataset.positives.keys.tolist() == data.positives.keys.tolist()


@pytest.mark.parametrize("of", ["queries", "documents"])
def test_by_group_the_values_of_a_column_stay_together(of):
    act = [f"act {i % 20}" if i % 7 else None for i in range(200)]
    columns = {"act": act} if of == "queries" else {}
    documents = numbered(200, act=act) if of == "documents" else None
    data = built(names(200), [[i] for i in range(200)], documents=documents, **columns)
    splits = split_of_queries(split_dataset(data, Dealing(by="group", column="act")).dataset)
    found = {}
    for query, names_ in splits.items():
        found.setdefault(act[query] or query, set()).update(names_)
    assert all(len(each) == 1 for each in found.values())
    assert set().union(*found.values()) == {"train", "dev", "test"}


@pytest.mark.parametrize(
    "written",
    [
        lambda i: i,
        lambda i: i / 7,
        str,
        lambda i: f"2024-{1 + i // 25:02}-{1 + i % 25:02}",
        lambda i: f"2024-01-01T{i // 60:02}:{i % 60:02}:00Z",
        lambda i: datetime(2024, 1, 1) + timedelta(days=i),
    ],
)
def test_by_time_the_newest_are_tested_and_the_next_are_dev(written):
    order = np.random.default_rng(2).permutation(200).tolist()
    data = built(names(200), [[i] for i in range(200)], asked=[written(i) for i in order])
    splits = split_of_queries(split_dataset(data, Dealing(by="time", column="asked")).dataset)
    when = {query: order[query] for query in splits}
    newest = sorted(splits, key=when.get)
    assert all(splits[query] == {"test"} for query in newest[160:])
    assert all(splits[query] == {"dev"} for query in newest[140:160])
    assert all(splits[query] == {"train"} for query in newest[:140])


def test_a_value_that_is_no_time_is_named():
    data = built(names(3), [[0], [1], [2]], asked=["2024-01-01", "soon", "2024-01-03"])
    with pytest.raises(DatasetError, match="'q1' has the 'asked' 'soon', which is no time"):
        split_dataset(data, Dealing(by="time", column="asked"))


def test_splits_that_are_there_stay_until_they_are_dealt_again():
    data = built(names(200), [[i] for i in range(200)])
    given = data.qrels.with_columns(split=pl.when(pl.col("query") < 50).then(pl.lit("test")).otherwise(pl.lit("train")))
    data = Dataset(data.queries, data.documents, given, "given")
    with pytest.raises(DatasetError, match=r"already has the split 'test', which stays as it is.*--again"):
        split_dataset(data, Dealing(test_share=0.1))
    dealt = split_dataset(data)
    assert dealt.queries == {"train": 135, "dev": 15}
    assert sorted(dealt.dataset.queries_of("test")) == list(range(50))
    with pytest.raises(DatasetError, match=r"already has the splits .*; deal test and dev anew with --again"):
        split_dataset(dealt.dataset)
    named = dealt.dataset.qrels.with_columns(pl.col("split").replace("dev", "validation"))
    with pytest.raises(DatasetError, match="already has the split 'validation'"):
        split_dataset(Dataset(data.queries, data.documents, named, "given"), Dealing(dev_share=0.1))
    again = split_dataset(Dataset(data.queries, data.documents, named, "given"), Dealing(again=True))
    assert again.queries == {"train": 140, "dev": 20, "test": 40}
    with pytest.raises(DatasetError, match="no split 'train' to deal; it has: other"):
        split_dataset(Dataset(data.queries, data.documents, given.with_columns(split=pl.lit("other")), "given"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"by": "luck"}, "cannot split by 'luck'; choose one of: query, document, group, time"),
        ({"by": "group"}, "a column goes with group and time"),
        ({"column": "act"}, "a column goes with group and time"),
        ({"test_share": 0.8, "dev_share": 0.2}, "something must be left to train on"),
        ({"test_share": -0.1}, "must lie between 0 and 1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(DatasetError, match=message):
        Dealing(**settings)


def test_a_column_that_nobody_has_is_named_with_those_there_are():
    data = built(names(9), [[i] for i in range(9)], act=["a"] * 9)
    with pytest.raises(DatasetError, match="no column 'page'; its queries and documents have: act"):
        split_dataset(data, Dealing(by="group", column="page"))
