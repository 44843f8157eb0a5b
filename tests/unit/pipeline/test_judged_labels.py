import numpy as np
import polars as pl
import pytest

from hardneg.audits.verdict_files import VERDICTS_SCHEMA, write_verdict_file
from hardneg.errors import RunError
from hardneg.filters import ScoreRange
from hardneg.negatives import Selection
from hardneg.pipeline.judged_labels import labelled_for, use_verdicts, with_verdicts
from hardneg.pipeline.mining import mine
from hardneg.recipe import MineSettings
from hardneg.reports.write import read_contents
from hardneg.runs.found import read_found
from hardneg.sources import BM25
from toy import toy_dataset

PLAN = {"sources": [BM25(analyzer="plain")], "select": Selection(4), "depth": 12}


def _verdicts(*rows):
    return pl.DataFrame([(*row, True) for row in rows], schema=VERDICTS_SCHEMA, orient="row")


@pytest.fixture(scope="module")
def toy():
    return toy_dataset()


@pytest.fixture(scope="module")
def plain(toy):
    return mine(toy, filters=[], **PLAN)


def test_an_answer_is_no_negative_any_more_and_training_takes_it_for_a_positive(toy, plain, tmp_path):
    query, document = plain.negatives.select("query", "document").row(0)
    verdicts = _verdicts((query, document, True))
    mined = mine(toy, filters=[], verdicts=verdicts, out=tmp_path / "run", **PLAN)
    assert mined.negatives.filter(query=query, document=document).is_empty()
    assert mined.found.select("query", "document", "found_by").rows() == [(query, document, "verdict")]
    assert read_found(tmp_path / "run", toy).equals(mined.found)
    refused = pl.read_parquet(tmp_path / "run" / "candidates" / "*.parquet").filter(
        query_id=toy.queries["id"][query], doc_id=toy.documents["id"][document]
    )
    assert refused["dropped_by"].to_list() == ["known_positives"]
    in_memory = mine(toy, filters=[], verdicts=verdicts, **PLAN)
    assert in_memory.negatives.equals(mined.negatives)
    assert in_memory.found.equals(mined.found)


def test_filters_that_spare_what_was_judged_spare_what_was_reviewed(toy, plain):
    strict = {"filters": [ScoreRange(score="bm25", high=-1.0)], **PLAN}
    query, document = plain.negatives.select("query", "document").row(0)
    assert mine(toy, **strict).negatives.is_empty()
    kept = mine(toy, verdicts=_verdicts((query, document, False)), **strict).negatives
    assert kept.select("query", "document").rows() == [(query, document)]


def test_verdicts_that_say_nothing_new_are_counted_and_left_out(toy):
    from hardneg.data.dataset import Dataset

    only = pl.when(pl.col("query") < 12).then(pl.lit("train")).otherwise(pl.lit("test"))
    dataset = Dataset(toy.queries, toy.documents, toy.qrels.with_columns(split=only), "toy")
    rows = [(0, 0, False), (0, 39, None), (1, 39, False), (2, 38, True), (20, 39, True)]
    used, counts = use_verdicts(dataset, _verdicts(*rows), split="train")
    assert used.rows() == [(1, 39, False), (2, 38, True)]
    assert counts.as_dict() == {"answers": 1, "not_answers": 1, "open": 1, "known": 1, "elsewhere": 1}
    labelled = with_verdicts(dataset, used, split="train")
    assert labelled.positives.contains(np.array([2]), np.array([38])).all()
    assert labelled.judged_negatives.contains(np.array([1]), np.array([39])).all()
    assert labelled.queries_of("train").tolist() == dataset.queries_of("train").tolist()
    assert with_verdicts(dataset, used.clear(), split="train") is dataset


def test_a_folder_belongs_to_its_verdicts_whatever_their_order(toy, tmp_path):
    rows = [(0, 39, True), (1, 39, False)]
    mine(toy, filters=[], verdicts=_verdicts(*rows), out=tmp_path, **PLAN)
    mine(toy, filters=[], verdicts=_verdicts(*reversed(rows)), out=tmp_path, **PLAN)
    with pytest.raises(RunError, match="mined with another verdicts"):
        mine(toy, filters=[], verdicts=_verdicts(rows[0]), out=tmp_path, **PLAN)
    with pytest.raises(RunError, match="mined with another verdicts"):
        mine(toy, filters=[], out=tmp_path, **PLAN)


def test_what_was_mined_with_verdicts_is_still_mined_from_the_dataset_without_them(toy, tmp_path):
    mined = mine(toy, filters=[], verdicts=_verdicts((0, 39, True)), out=tmp_path, **PLAN)
    assert mined.verdicts.as_dict() == {"answers": 1, "not_answers": 0, "open": 0, "known": 0, "elsewhere": 0}
    contents = read_contents(tmp_path, dataset=toy)
    assert contents.texts is not None
    assert mine(toy, filters=[], **PLAN).verdicts is None


def test_a_recipe_without_verdicts_leaves_the_dataset_as_it_is(toy, tmp_path):
    assert labelled_for(MineSettings(), toy) is toy
    file = write_verdict_file(
        pl.DataFrame({"query": [0, 1], "document": [39, 39], "answer": ["yes", "no"]}), toy, tmp_path / "v.csv"
    )
    labelled = labelled_for(MineSettings(verdicts=file), toy)
    assert labelled.positives.contains(np.array([0]), np.array([39])).all()
    assert labelled.judged_negatives.contains(np.array([1]), np.array([39])).all()
