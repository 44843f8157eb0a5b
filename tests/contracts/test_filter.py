"""What every filter of the room must do, whatever it looks for."""

import dataclasses
import inspect
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from counting_scorer import Counting
from hardneg.data.dataset import Dataset
from hardneg.filters import Filter, apply_filters
from hardneg.filters.apply import ANNOTATIONS
from hardneg.filters.columns import is_positive
from hardneg.filters.learned.features import Features
from hardneg.filters.learned.model import AnswerModel, fit_classifier
from hardneg.filters.protocol import Annotating, Fittable, Relabelling, with_fitted
from hardneg.recipe.rooms import FILTER


@dataclass(frozen=True, eq=False)
class Known:
    """A practice that knows the labelled positives, and nothing of hidden ones."""

    dataset: Dataset
    rows: pl.DataFrame
    split: str = "train"

    def candidates(self):
        return self.rows

    def positives(self):
        return self.rows.filter(is_positive(self.rows, self.dataset))

    def find_hidden(self, learned, path):
        raise NotImplementedError


SETTINGS = {
    "known_positives": [{}],
    "query_itself": [{}],
    "empty": [{}],
    "near_duplicate": [{}, {"threshold": 0.2, "shingle_tokens": 1}],
    "duplicate_code": [{}, {"trivial": None}],
    "rank_window": [
        {"source": "dense", "low": 2, "high": 20},
        {"source": "dense", "low": 2, "absent": "drop"},
    ],
    "positive_margin": [{"ratio": 0.95}, {"absolute": 0.1, "score": "dense", "unscored": "drop"}],
    "positive_percentile": [
        {"score": "dense", "percentile": 60},
        {"score": "dense", "percentile": 60, "per_query": True, "unscored": "drop"},
    ],
    "score_range": [{"score": "dense", "high": 0.5}, {"score": "dense", "low": 0.2, "unscored": "drop"}],
    "shared_value": [{"column": "topic"}, {"column": "tags", "allow_missing": True}],
    "teacher_threshold": [
        {"scorer": Counting(), "above": 0.5},
        {"scorer": Counting(), "ratio": 0.9, "relabel_above": 0.6, "relabel": True},
    ],
    "teacher_percentile": [
        {"scorer": Counting(), "percentile": 60},
        {"scorer": Counting(), "percentile": 60, "per_query": True},
    ],
    "learned": [{}, {"relabel": True, "relabel_above": 0.2}],
    "later_turns": [{}],
}
EACH = [
    pytest.param((name, each), id=f"{name}-{i}") for name in FILTER.members for i, each in enumerate(SETTINGS[name])
]


@pytest.fixture
def tiny(tiny) -> Dataset:
    """The same with metadata, in two conversations of two turns; d4 is a clone of d0, d6 an override of d3.

    d6 says what q1 says, and d7 nothing.
    """
    metadata = {
        "topic": ["io", "sort", "text", "io", "sort", "io", "os", "os"],
        "tags": [["a"], ["b"], [], ["a"], None, [], [], ["b"]],
        "ast_hash": ["a", "b", "c", "d", "a", None, "e", None],
        "symbol": ["open", "sort", "join", "copy", "read", "open", "copy", ""],
        "trivial": [False, False, False, False, False, False, True, None],
    }
    texts = [*tiny.documents["text"][:6], "Sort a  LIST", " "]
    documents = tiny.documents.with_columns(
        text=pl.Series(texts), **{key: pl.Series(value) for key, value in metadata.items()}
    )
    queries = tiny.queries.with_columns(conversation_id=pl.Series(["a", "a", "b", "b"]), turn=pl.Series([1, 3, 1, 3]))
    return replace(tiny, documents=documents, queries=queries)


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


@pytest.fixture
def filter_(request, candidates, tiny, tmp_path):
    """The filter of some settings, fitted; the learned one with classifiers that know the positives of `tiny`."""
    name, settings = request.param
    if name == "learned":
        features = Features("train")
        described = features.describe(candidates, tiny).to_numpy()
        rows = np.tile(np.arange(candidates.height), 20)  # enough for a tree to have leaves
        classifier = fit_classifier(described[rows], is_positive(candidates, tiny)[rows], seed=0)
        model = AnswerModel(features, (classifier,) * 2, 1.0, 0.0, labelled=0.5, threshold=0.5, seed=0, group=None)
        model.save(tmp_path / "model.npz")
        settings = settings | {"fitted": str(tmp_path / "model.npz")}
    each = FILTER.members[name](**settings)
    if not isinstance(each, Fittable) or each.fitted is not None:
        return each
    each.fit(Known(tiny, candidates), tmp_path / "fitted.npz")
    return with_fitted(each, str(tmp_path / "fitted.npz"))


def test_every_filter_of_the_room_is_tried_here():
    assert SETTINGS.keys() == FILTER.members.keys()


@pytest.mark.parametrize("filter_", EACH, indirect=True)
class TestFilter:
    def test_it_is_a_frozen_dataclass_under_its_own_name(self, filter_):
        assert isinstance(filter_, Filter)
        assert FILTER.members[filter_.name] is type(filter_)
        assert filter_ == eval(repr(filter_), {cls.__name__: cls for cls in (*FILTER.members.values(), Counting)})
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
        table = apply_filters(candidates.clear(), tiny, [filter_])
        assert table.is_empty()
        assert table.schema == apply_filters(candidates, tiny, [filter_]).schema
        assert table.columns[: len(candidates.columns) + 1] == [*candidates.columns, "dropped_by"]
        assert {*table.columns[len(candidates.columns) + 1 :]} <= {*ANNOTATIONS, "found_by"}

    def test_what_it_adds_beside_its_verdict_says_what_it_is(self, filter_, candidates, tiny):
        extra = [name for name in apply_filters(candidates, tiny, [filter_]).columns if name not in candidates.columns]
        assert ("found_by" in extra) == (isinstance(filter_, Relabelling) and filter_.relabel)
        assert bool({*extra} & {*ANNOTATIONS}) == isinstance(filter_, Annotating)
        if isinstance(filter_, Annotating):
            told = filter_.annotate(candidates, tiny)
            assert told.select(candidates.columns).equals(candidates)
            assert {*told.columns} - {*candidates.columns} <= {*extra}

    def test_it_finds_answers_once_a_row_if_it_finds_any(self, filter_, candidates, tiny):
        assert isinstance(filter_, Relabelling) == hasattr(filter_, "relabel")
        if not isinstance(filter_, Relabelling):
            return
        for table in (candidates, candidates.clear()):
            found = filter_.found(table, tiny)
            assert found.dtype == np.bool_
            assert found.shape == (table.height,)
        if filter_.relabel:
            assert filter_.found(candidates, tiny).any()
            assert not filter_.found(candidates, tiny).all()

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
