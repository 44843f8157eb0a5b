"""Results lie in tables, sum themselves up in one line, and go on to other libraries."""

from dataclasses import replace

import polars as pl
import pytest

import hardneg as hn
from hardneg.audits.frontier import Frontier
from hardneg.audits.intervals import wilson
from hardneg.audits.planted import audit_planted
from hardneg.audits.sampled import JudgedSample
from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.sources import BM25
from labelled_toy import labelled_toy


@pytest.fixture(scope="module")
def toy():
    toy = labelled_toy()
    documents = toy.documents.with_columns(text=pl.Series([f"word d{i}" for i in range(50)]))
    words = pl.Series([f"q{q} word " + " ".join(f"d{(q + j) % 50}" for j in range(6)) for q in range(20)])
    return Dataset(toy.queries.with_columns(text=words), documents, toy.qrels, name="toy")


@pytest.fixture(scope="module")
def mined(toy):
    return hn.mine(toy, sources=["bm25(analyzer='plain')"], filters=[], depth=20, per_query=3)


@pytest.fixture(scope="module")
def evaluations(toy):
    return [hn.evaluate(toy, source, split="train", depth=20) for source in (BM25(analyzer="plain"), BM25())]


def test_what_was_mined_is_known_by_ids(mined, toy):
    frame = mined.frame()
    assert frame.height == mined.negatives.height > 0
    first = mined.negatives.row(0, named=True)
    assert frame.row(0, named=True)["doc_id"] == toy.documents["id"][first["document"]]
    assert repr(mined) == f"Mined: {frame.height} negatives for 20 queries from bm25"


def test_what_was_mined_becomes_a_dataset_to_train_on(mined, toy):
    pytest.importorskip("datasets")
    texts = mined.to_dataset(n_negatives=3)
    assert texts.column_names == ["anchor", "positive", "negative_1", "negative_2", "negative_3"]
    pairs = hn.export(toy, mined.negatives, split="train", form="n-tuple", n_negatives=3)
    assert [row["anchor"] for row in texts] == pairs["query"].to_list()
    assert [row["negative_3"] for row in texts] == pairs["negative_3"].to_list()


def test_a_dataset_to_train_on_leaves_nothing_out_where_queries_have_unequally_many_negatives(mined, toy):
    pytest.importorskip("datasets")
    counts = mined.negatives.group_by("query").len()["len"]
    even, uneven = (
        replace(mined, negatives=mined.negatives.filter(pl.int_range(pl.len()).over("query") < most))
        for most in (int(counts.min()), pl.when(pl.col("query") == mined.negatives["query"][0]).then(1).otherwise(9))
    )
    assert even.to_dataset().column_names[-1] == f"negative_{counts.min()}"
    assert uneven.to_dataset().column_names == ["anchor", "positive", "negative"]
    assert len(uneven.to_dataset()) == hn.export(toy, uneven.negatives, split="train", form="triplet").height
    lists = uneven.to_dataset(form="labeled-list")
    assert lists.column_names == ["query", "documents", "labels"]
    assert len({len(row["labels"]) for row in lists}) > 1
    with pytest.raises(RunError, match="fewer than"):
        uneven.to_dataset(form="n-tuple")


def test_two_evaluations_are_compared_as_their_tables_are(evaluations):
    one, other = evaluations
    assert hn.compare(one, other) == hn.compare(one.per_query, other.per_query, "nDCG@10")
    assert hn.compare(one, other, measure="MRR@10").frame().row(0, named=True)["metric"] == "MRR@10"


def test_every_result_has_a_table_a_line_and_a_page(mined, evaluations, toy):
    plan = Plan("train", (BM25(analyzer="plain"),), (), Selection(per_query=3), depth=20)
    audit = audit_planted(toy, plan, seeds=(0,))
    one, other = evaluations
    results = [
        toy,
        mined,
        one,
        hn.compare(one, other),
        audit,
        Frontier({"none ": audit}),
        JudgedSample(wilson(1, 9), 0, "anna"),
    ]
    for result in results:
        assert result.frame().height
        assert "\n" not in repr(result)
        assert "<table" in result._repr_html_()
        assert type(result).__name__ in result._repr_html_()
    assert set(one.frame()["measure"]) == set(one.metrics)
    assert "hidden answers" in repr(audit)
    assert repr(toy) == "Dataset 'toy': 20 queries, 50 documents"
    train = toy.frame().filter(split="train").row(0, named=True)
    assert train["queries"] == len(toy.queries_of("train"))
    assert train["positives"] + train["judged_negatives"] == toy.qrels.filter(split="train").height
    check = hn.check(toy)
    assert repr(check).startswith("Check of 'toy': 20 queries (")
    assert "<table" in check._repr_html_()


def test_recipe_preset_and_model_say_what_is_not_said_here(tmp_path, toy):
    recipe = tmp_path / "shop.toml"
    recipe.write_text('[[sources]]\nuse = "bm25"\nanalyzer = "plain"\n[mine]\ndepth = 20\n[select]\nper_query = 2\n')
    plan = hn.mine(toy, recipe=recipe, filters=[]).plan
    assert (plan.sources, plan.filters, plan.depth, plan.select.per_query) == ((BM25(analyzer="plain"),), (), 20, 2)
    loaded = hn.Recipe.load(recipe, changes={"dataset": "-"})
    same = hn.mine(toy, recipe=loaded, filters=[], depth=10, per_query=3).plan
    assert (same.sources, same.depth, same.select.per_query) == (plan.sources, 10, 3)
    with pytest.raises(hn.errors.RecipeError, match="parts of a recipe"):
        hn.mine(toy, recipe=loaded, model="x")
    with pytest.raises(hn.errors.RecipeError, match="legal"):
        hn.mine(toy, preset="law")
