"""What every filter of the room must do, whatever it looks for."""

import dataclasses
import inspect

import numpy as np
import polars as pl
import pytest

from hardneg.filters import FILTERS, Filter, apply_filters

SETTINGS = {
    "known_positives": [{}],
    "near_duplicate": [{}, {"threshold": 0.2, "shingle_tokens": 1}],
    "rank_window": [
        {"source": "dense", "low": 2, "high": 20},
        {"source": "dense", "low": 2, "absent": "drop"},
    ],
    "positive_margin": [{"ratio": 0.95}, {"absolute": 0.1, "score": "dense", "unscored": "drop"}],
    "score_range": [{"score": "dense", "high": 0.5}, {"score": "dense", "low": 0.2, "unscored": "drop"}],
}
FILTERS_MADE = [
    pytest.param(FILTERS[name](**each), id=f"{name}-{i}") for name in FILTERS for i, each in enumerate(SETTINGS[name])
]


@pytest.fixture
def candidates(tiny) -> pl.DataFrame:
    rng = np.random.default_rng(4)
    table = pl.DataFrame({"query": np.repeat(np.arange(4), 8), "document": np.tile(np.arange(8), 4)}).cast(pl.Int32)
    for source in ("bm25", "dense"):
        known = rng.random(32) < 0.7
        table = table.with_columns(
            pl.Series(f"rank.{source}", np.where(known, rng.integers(1, 40, 32), None).tolist(), dtype=pl.Int32),
            pl.Series(f"score.{source}", np.where(known, rng.random(32), None).tolist(), dtype=pl.Float32),
        )
    return table


def test_every_filter_of_the_room_is_tried_here():
    assert SETTINGS.keys() == FILTERS.keys()


@pytest.mark.parametrize("filter_", FILTERS_MADE)
class TestFilter:
    def test_it_is_a_frozen_dataclass_under_its_own_name(self, filter_):
        assert isinstance(filter_, Filter)
        assert FILTERS[filter_.name] is type(filter_)
        assert filter_ == eval(repr(filter_), {cls.__name__: cls for cls in FILTERS.values()})
        for field in dataclasses.fields(filter_):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(filter_, field.name, None)

    def test_it_answers_once_a_row_and_leaves_the_table_alone(self, filter_, candidates, tiny):
        before = candidates.clone()
        keep = filter_.keep(candidates, tiny)
        assert keep.dtype == np.bool_
        assert keep.shape == (candidates.height,)
        assert not keep.all()
        assert keep.any()
        assert candidates.equals(before)

    def test_an_empty_table_has_an_empty_answer(self, filter_, candidates, tiny):
        assert filter_.keep(candidates.clear(), tiny).shape == (0,)
        assert apply_filters(candidates.clear(), tiny, [filter_]).columns == [
            *candidates.columns,
            "dropped_by",
        ]

    def test_it_answers_the_same_twice(self, filter_, candidates, tiny):
        np.testing.assert_array_equal(filter_.keep(candidates, tiny), filter_.keep(candidates, tiny))

    def test_the_order_of_the_rows_does_not_matter(self, filter_, candidates, tiny):
        order = np.random.default_rng(1).permutation(candidates.height)
        np.testing.assert_array_equal(filter_.keep(candidates[order], tiny), filter_.keep(candidates, tiny)[order])

    def test_the_other_queries_of_a_block_do_not_matter(self, filter_, candidates, tiny):
        alone = [filter_.keep(candidates.filter(pl.col("query") == query), tiny) for query in range(4)]
        np.testing.assert_array_equal(np.concatenate(alone), filter_.keep(candidates, tiny))

    def test_it_says_what_it_does(self, filter_):
        assert inspect.getdoc(type(filter_)).startswith("Refuse")
