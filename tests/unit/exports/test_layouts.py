"""Every form holds what its reader's documents say, whatever stands in the texts and ids."""

import json

import polars as pl
import pytest

import hardneg as hn
from exported_toy import READ_BACK, meant, odd_dataset, odd_negatives, pairs_meant, scores_meant
from hardneg.cli import export as command
from hardneg.data.reading import read_dataset
from hardneg.errors import DatasetError, RecipeError, RunError
from hardneg.exports import FORMS
from hardneg.sources import RunFile
from layout_readers import READERS

ODD, NEGATIVES = odd_dataset(), odd_negatives()
SCORED = [name for name, form in FORMS.items() if form.scores != "never"]


def written(form, tmp_path, **options):
    suffixes = FORMS[form].suffixes
    path = tmp_path / (f"rows{suffixes[0]}" if suffixes else "folder")
    hn.export(ODD, NEGATIVES, form=form, path=path, **options)
    return path


@pytest.mark.parametrize("form", READERS)
def test_what_is_written_is_what_was_mined(form, tmp_path):
    triples, _ = READERS[form](written(form, tmp_path))
    assert triples == meant(ODD, NEGATIVES)


@pytest.mark.parametrize("form", [name for name in SCORED if name in READERS and not name.startswith("labeled")])
def test_scores_are_those_of_the_negatives(form, tmp_path):
    asked = FORMS[form].scores == "asked"
    triples, scores = READERS[form](written(form, tmp_path, **({"scores": True} if asked else {})))
    assert triples == meant(ODD, NEGATIVES)
    wanted = scores_meant(ODD, NEGATIVES)
    assert {pair: scores[pair] for pair in wanted} == pytest.approx(wanted, abs=1e-6)


def test_every_form_is_tested_and_offered():
    assert set(READERS) | {"trec"} == set(FORMS) == set(command.FORMS)


@pytest.mark.parametrize("form", FORMS)
def test_a_manifest_says_what_is_there_and_what_is_not(form, tmp_path):
    path = written(form, tmp_path)
    place = path / "manifest.json" if path.is_dir() else path.with_name(f"{path.name}.manifest")
    content = json.loads(place.read_text(encoding="utf-8"))
    assert (content["form"], content["queries"], content["positives"], content["negatives"]) == (form, 2, 3, 4)
    assert set(content["files"]) == (
        {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file() and file.name not in FIXED}
        if path.is_dir()
        else {path.name}
    )
    lost = content["cannot_carry"]
    assert ("source" in lost) is not FORMS[form].source
    assert ("ids" in lost) is (FORMS[form].ids != "always")
    assert ("scores" in lost) is (FORMS[form].scores in ("asked", "never"))


FIXED = {"manifest.json", "README.md", "merlin_metadata.json"}


def test_what_is_left_out_is_counted_by_reason(tmp_path):
    stray = {"query": pl.Series([2, 0], dtype=pl.Int32), "document": pl.Series([3, 1], dtype=pl.Int32)}
    more = pl.concat([NEGATIVES, NEGATIVES.head(2).with_columns(**stray)])
    hn.export(ODD, more.filter(pl.col("query") != 1), form="flagembedding", path=tmp_path / "r.jsonl", n_negatives=1)
    content = json.loads((tmp_path / "r.jsonl.manifest").read_text())
    assert content["left_out"] == {
        "negatives that answer their query by a label": 1,
        "negatives of queries without a positive in split 'train'": 1,
        "queries without a negative": 1,
        "negatives after the first 1 of a query": 1,
    }


def test_a_source_is_kept_where_the_form_has_a_place_for_it(tmp_path):
    lines = (written("gpl", tmp_path) / "hard-negatives.jsonl").read_text().splitlines()
    assert json.loads(lines[0]) == {"qid": "007", "pos": ["0", "01"], "neg": {"bm25": ["d2"], "dense": ["d 3"]}}
    frame = pl.read_parquet(written("parquet", tmp_path))
    assert frame.filter(label=0)["source"].to_list() == NEGATIVES["source"].to_list()


def test_a_run_is_a_source_of_the_same_candidates(tmp_path):
    plain = hn.Dataset.from_tables(
        ODD.queries.with_columns(pl.col("id").str.replace(" ", "%20")),
        ODD.documents.with_columns(pl.col("id").str.replace(" ", "%20")),
        ODD.with_ids(ODD.qrels).with_columns(pl.col("query_id", "doc_id").str.replace(" ", "%20")),
    )
    run = RunFile(written("trec", tmp_path, scores=True) / "run.trec")
    rows = run.retrieve(plain, plain.queries_of("train"), 10)
    assert rows.select("query", "document").rows() == NEGATIVES.select("query", "document").rows()
    assert rows["score"].to_list() == pytest.approx(NEGATIVES["score"].to_list())


@pytest.mark.parametrize("form", READ_BACK)
def test_what_is_written_reads_back_as_the_same_labels(form, tmp_path):
    path = written(form, tmp_path)
    options = {name: path / file for name, file in READ_BACK[form].items()}
    read = read_dataset(path / "train.jsonl" if form == "tevatron" else path, mapping=options)
    query, document = read.query_texts.to_list(), read.document_texts.to_list()
    labels = {(query[q], document[d], grade > 0) for q, d, grade, _ in read.qrels.iter_rows()}
    assert labels == pairs_meant(ODD, NEGATIVES, form)


def test_what_a_form_cannot_do_is_refused_before_any_work(tmp_path):
    with pytest.raises(RecipeError, match=r"ms-swift carries no ids .*leave ids out"):
        hn.export(ODD, NEGATIVES, form="ms-swift", path=tmp_path / "x.jsonl", ids=True)
    with pytest.raises(RecipeError, match="gpl carries no scores"):
        hn.export(ODD, NEGATIVES, form="gpl", path=tmp_path / "x", scores=True)
    with pytest.raises(RecipeError, match=r"several files, so .* must be a folder"):
        hn.export(ODD, NEGATIVES, form="mteb", path=tmp_path / "x.parquet")
    with pytest.raises(RecipeError, match="several files; give a path"):
        hn.export(ODD, NEGATIVES, form="mteb")
    with pytest.raises(RecipeError, match=r"end its name in \.parquet"):
        hn.export(ODD, NEGATIVES, form="lightning-ir", path=tmp_path / "x.jsonl")
    with pytest.raises(RecipeError, match="first ending of mined"):
        hn.export(ODD, NEGATIVES, form="lightning-ir", path=tmp_path / "mined.v1.parquet")
    with pytest.raises(RunError, match="n-tuples have equally many"):
        hn.export(ODD, NEGATIVES.head(3), form="pylate-kd", path=tmp_path / "x")
    with pytest.raises(DatasetError, match="no split 'dev'"):
        hn.export(ODD, NEGATIVES, form="mteb", split="dev", path=tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_a_folder_with_other_things_is_not_replaced_but_an_export_is(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="holds something else"):
        written("beir", tmp_path)
    (tmp_path / "folder" / "thesis.txt").unlink()
    written("beir", tmp_path)
    assert (written("mteb", tmp_path) / "top_ranked").is_dir()


@pytest.mark.parametrize("form", FORMS)
def test_blocks_do_not_show(form, tmp_path, monkeypatch):
    once = written(form, tmp_path / "once")
    monkeypatch.setattr("hardneg.exports.texts._BYTES", 1)
    monkeypatch.setattr("hardneg.exports.block.blocks.__kwdefaults__", {"size": 1})
    often = written(form, tmp_path / "often")
    for file in [once] if once.is_file() else [each for each in once.rglob("*") if each.is_file()]:
        other = often / file.relative_to(once) if once.is_dir() else often
        if file.suffix == ".parquet":
            assert pl.read_parquet(file).equals(pl.read_parquet(other))
        else:
            assert file.read_bytes() == other.read_bytes()
