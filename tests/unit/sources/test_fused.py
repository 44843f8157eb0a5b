"""Two rankings as one: against the textbook, from recipes and the command line, and as a retriever that is measured."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

import hardneg as hn
from hardneg.components import parse_component, pick
from hardneg.errors import RecipeError
from hardneg.negatives.plan import Plan
from hardneg.place import Place
from hardneg.recipe.rooms import SOURCE
from hardneg.sources import BM25, Fused, Random
from hardneg.sources.retrieval import retrieval_table

BLOCK = np.arange(3, dtype=np.int32)


@dataclass(frozen=True)
class Listed:
    """The same documents for every query, with scores."""

    documents: tuple[int, ...]
    scores: tuple[float, ...]
    name: str = "listed"

    def retrieve(self, dataset, block, depth):
        found = np.tile(np.array(self.documents[:depth], dtype=np.int32), (len(block), 1))
        return retrieval_table(block, found, np.tile(np.float32(self.scores[:depth]), (len(block), 1)))


ONE, OTHER = Listed((0, 1, 2), (9.0, 6.0, 3.0)), Listed((2, 3, 0), (0.8, 0.6, 0.4), name="other")


def test_ranks_are_fused_as_the_paper_says(tiny):
    rows = Fused(ONE, OTHER, weight=0.25).retrieve(tiny, BLOCK, 10).filter(query=1)
    expected = {0: 0.75 / 61 + 0.25 / 63, 1: 0.75 / 62, 2: 0.75 / 63 + 0.25 / 61, 3: 0.25 / 62}
    assert dict(rows.select("document", "score").iter_rows()) == pytest.approx(expected)
    assert rows["document"].to_list() == sorted(expected, key=expected.get, reverse=True)


def test_scores_are_brought_to_one_scale_and_weighed(tiny):
    rows = Fused(ONE, OTHER, by="scores", weight=0.25).retrieve(tiny, BLOCK, 10).filter(query=0)
    expected = {0: 0.75 * 1 + 0.25 * 0, 1: 0.75 * 0.5, 2: 0.75 * 0 + 0.25 * 1, 3: 0.25 * 0.5}
    assert dict(rows.select("document", "score").iter_rows()) == pytest.approx(expected)


def test_a_recipe_and_the_command_line_name_both(tiny):
    table = parse_component("fused(first='bm25', second={'use': 'random', 'seed': 3}, by='ranks', pool=4)")
    source = pick(SOURCE, table, Place("test"))
    assert source == Fused(BM25(), Random(seed=3), pool=4)
    mined = hn.mine(tiny, sources=[source], filters=[], per_query=2)
    assert mined.negatives["source"].unique().to_list() == ["fused"]
    assert Plan.from_table(mined.plan.as_table()) == mined.plan


def test_a_fused_search_is_measured_like_any_other(tiny):
    alone = hn.evaluate(tiny, BM25(analyzer="plain"), split="train", depth=10)
    both = hn.evaluate(
        tiny, Fused(BM25(analyzer="plain"), BM25(analyzer="plain", name="again")), split="train", depth=10
    )
    assert both.metrics == alone.metrics


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "votes"}, 'by is \'votes\'; set it to "ranks" or "scores"'),
        ({"weight": 1.5}, "weight is 1.5; set it from 0 to 1"),
        ({"pool": 0}, "pool is 0"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(RecipeError, match=message):
        Fused(ONE, OTHER, **options)


def test_a_source_without_scores_is_fused_by_ranks_alone(tiny):
    with pytest.raises(RecipeError, match=r"'random' gives no scores; fuse by"):
        Fused(ONE, Random(), by="scores").retrieve(tiny, BLOCK, 3)
    assert Fused(ONE, Random()).retrieve(tiny, BLOCK, 3).height == 9


def test_it_ranks_as_the_fusion_of_two_runs_does(tiny):
    from hardneg.evaluation.fusion import by_ranks

    runs = [each.retrieve(tiny, BLOCK, 10) for each in (ONE, OTHER)]
    named = [tiny.with_ids(run) for run in runs]
    ours = tiny.with_ids(Fused(ONE, OTHER).retrieve(tiny, BLOCK, 10))
    assert by_ranks(*named).select("query_id", "doc_id", "rank").equals(ours.select("query_id", "doc_id", "rank"))
    assert ours.schema["score"] == pl.Float32
