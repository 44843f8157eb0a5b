from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from hardneg.errors import RecipeError
from hardneg.filters import KnownPositives, PositiveMargin, RankWindow, ScoreRange, apply_filters


@dataclass(frozen=True)
class Answering:
    """A filter from elsewhere that answers with whatever it is given."""

    answer: object
    name: str = "answering"
    exempts_judged: bool = False

    def keep(self, candidates, dataset):
        return self.answer


def verdicts(candidates, dataset, filters):
    table = apply_filters(candidates, dataset, filters)
    assert table.drop("dropped_by").equals(candidates.drop("dropped_by", strict=False))
    return {(q, d): by for q, d, by in table.select("query", "document", "dropped_by").iter_rows()}


def test_known_positives_are_refused_without_being_asked_for(candidates, tiny):
    dropped = {pair for pair, by in verdicts(candidates, tiny, []).items() if by == "known_positives"}
    assert dropped == {(0, 0), (0, 5), (1, 1), (1, 4), (2, 2)}


def test_first_filter_to_object_is_the_one_recorded(candidates, tiny):
    filters = [ScoreRange("dense", high=0.6), RankWindow("dense", low=4), KnownPositives()]
    found = verdicts(candidates, tiny, filters)
    assert found[0, 0] == "known_positives"
    assert found[0, 6] == "score_range"
    assert found[1, 6] == "rank_window"
    assert found[1, 0] is None


def test_documents_judged_not_relevant_are_spared_by_scores_but_not_by_ranks(candidates, tiny):
    assert verdicts(candidates, tiny, [PositiveMargin(ratio=0.95, score="dense")])[0, 7] is None
    assert verdicts(candidates, tiny, [ScoreRange("dense", high=0.5)])[0, 7] is None
    assert verdicts(candidates, tiny, [RankWindow("dense", low=5)])[0, 7] == "rank_window"


def test_applying_twice_changes_nothing_and_an_earlier_verdict_stands(candidates, tiny):
    once = apply_filters(candidates, tiny, [RankWindow("dense", low=4)])
    assert apply_filters(once, tiny, [RankWindow("dense", low=4)]).equals(once)
    assert apply_filters(once, tiny, []).equals(once)


@pytest.mark.parametrize(
    "answer", [[True] * 10, np.ones(10), np.ones(9, dtype=bool), np.ones((10, 1), dtype=bool), None]
)
def test_a_filter_that_does_not_answer_once_a_row_is_named(candidates, tiny, answer):
    with pytest.raises(RecipeError, match=r"(?s)Answering.*one bool for each of 10 candidates"):
        apply_filters(candidates, tiny, [Answering(answer)])


def test_dropped_by_is_text_also_when_nothing_is_dropped(candidates, tiny):
    table = apply_filters(candidates.filter((pl.col("query") == 1) & (pl.col("document") == 0)), tiny, [])
    assert table["dropped_by"].dtype == pl.String
    assert table["dropped_by"].to_list() == [None]
