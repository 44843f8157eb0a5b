import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.ladders.prepare import Wanted, draft
from hardneg.sources import BM25
from toy import toy_dataset


@pytest.fixture
def planned():
    """Plan a ladder on the toy dataset, whose last queries are for testing."""
    toy = toy_dataset()
    split = pl.when(pl.col("query") < 18).then(pl.lit("train")).otherwise(pl.lit("test"))
    dataset = Dataset(toy.queries, toy.documents, toy.qrels.with_columns(split.alias("split")), name="toy")

    def plan(**options):
        wanted = Wanted(**{"rungs": ["bm25_negatives"]} | options)
        return draft(wanted, dataset, {"path": "data", "skip_invalid": True, "query": "q"})

    return plan


@pytest.mark.parametrize("source", ["bm25(k1=2.5)", {"use": "bm25", "k1": 2.5}, BM25(k1=2.5)])
def test_options_of_a_source_are_typed_given_or_written_as_in_a_recipe(planned, source):
    (rung,) = planned(sources=[source]).rungs
    assert rung.recipe.sources == (BM25(k1=2.5),)


def test_a_plan_knows_where_the_dataset_is_read_again(planned):
    plan = planned()
    assert (plan.dataset, plan.skip_invalid, plan.layout) == ("data", True, {"query": "q"})


def test_an_unknown_preset_is_refused(planned):
    with pytest.raises(RecipeError, match="did you mean 'legal'"):
        planned(preset="legl")


def test_a_budget_is_in_steps_or_in_minutes(planned):
    with pytest.raises(RecipeError, match="leave one of them out"):
        planned(budget_steps=3, budget_minutes=2.0)
