"""Queries that are documents: the query's own document is no answer to it."""

import json
import math

import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.sources import BM25

ARGUMENTS = {
    "t1": "Cars in the city centre should be banned because they poison the air.",
    "t2": "A ban on cars in the city centre would ruin small shops that depend on drivers.",
    "t3": "School uniforms make pupils equal and lower bullying.",
    "t4": "School uniforms suppress the character of pupils and cost parents money.",
    "t5": "Voting should be a duty, since low turnout weakens parliament.",
    "t6": "A duty to vote forces people without interest to choose at random.",
}


def arguments(*, labels=(("t1", "t2"), ("t3", "t4"), ("t5", "t6")), changed=()):
    """Three arguments that ask for their counter-argument; those in `changed` read otherwise as a query."""
    asked = list(dict.fromkeys(query for query, _ in labels))
    return Dataset.from_tables(
        pl.DataFrame({"id": asked, "text": [ARGUMENTS[q].upper() + " or not" * (q in changed) for q in asked]}),
        pl.DataFrame({"id": list(ARGUMENTS), "text": list(ARGUMENTS.values())}),
        pl.DataFrame(
            {"query_id": [q for q, _ in labels], "doc_id": [d for _, d in labels], "relevance": 1}
        ).with_columns(split=pl.lit("test")),
        name="arguments",
    )


@pytest.mark.parametrize("exclude", [None, "identical"])
@pytest.mark.parametrize("block_size", [1, 4096])
def test_the_documents_of_the_querys_own_id_is_left_out_where_queries_are_documents(exclude, block_size):
    found = evaluate(arguments(), BM25(), depth=10, exclude=exclude, block_size=block_size)
    assert found.metrics["nDCG@10"] == 1.0
    assert found.run.filter(pl.col("query_id") == pl.col("doc_id")).is_empty()
    assert found.run.filter(pl.col("rank") == 1)["doc_id"].to_list() == ["t2", "t4", "t6"]
    assert found.excluded.as_dict() == {"rule": "identical", "by_default": exclude is None, "queries": 3, "of": 3}
    assert str(found.excluded).startswith("The document with the query's own id is left out of the rankings of 3 of 3")


def test_none_keeps_the_querys_own_document_first_and_says_so():
    found = evaluate(arguments(), BM25(), depth=10, exclude="none")
    assert found.run.filter(pl.col("rank") == 1)["doc_id"].to_list() == ["t1", "t3", "t5"]
    assert found.metrics["nDCG@10"] == pytest.approx(1 / math.log2(3))
    assert str(found.excluded) == "Nothing is left out; 3 of 3 queries have a document of their own id and text."


def test_ids_that_are_equal_by_chance_leave_nothing_out():
    found = evaluate(arguments(changed=("t1", "t3", "t5")), BM25(), depth=10)
    assert found.excluded.rule == "none"
    assert str(found.excluded) == ""
    assert found.run.filter(pl.col("query_id") == pl.col("doc_id")).height == 3


def test_most_of_the_texts_decide_for_all_ids():
    found = evaluate(arguments(changed=("t1",)), BM25(), depth=10)
    assert found.run.filter(pl.col("query_id") == pl.col("doc_id")).is_empty()


def test_a_document_that_is_labelled_an_answer_stays_whatever_its_id():
    data = arguments(labels=(("t1", "t1"), ("t1", "t2"), ("t3", "t4"), ("t5", "t6")))
    found = evaluate(data, BM25(), depth=10, exclude="identical")
    assert found.excluded.n_queries == 2
    assert found.metrics["nDCG@10"] == 1.0


def test_what_was_left_out_is_written_beside_the_figures(tmp_path):
    evaluate(arguments(), BM25(), depth=10).write(tmp_path)
    told = json.loads((tmp_path / "metrics.json").read_text())["excluded"]
    assert told == {"rule": "identical", "by_default": True, "queries": 3, "of": 3}
    assert "t1 Q0 t1" not in (tmp_path / "run.trec").read_text()
