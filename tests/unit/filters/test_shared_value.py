"""What shares a value with an answer."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from hardneg.errors import DatasetError, RecipeError
from hardneg.filters import SharedValue, apply_filters
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan


@pytest.fixture
def rows() -> pl.DataFrame:
    return pl.DataFrame({"query": np.repeat(np.arange(4), 8), "document": np.tile(np.arange(8), 4)}).cast(pl.Int32)


def described(tiny, **columns):
    return dataclasses.replace(tiny, documents=tiny.documents.with_columns(**columns))


def test_refuses_what_has_the_value_of_an_answer_and_spares_judged_negatives(tiny, rows):
    dataset = described(tiny, parent=pl.Series(["a", "b", "c", "a", "d", "a", "b", "a"]))
    table = apply_filters(rows, dataset, [SharedValue()])
    refused = table.filter(pl.col("dropped_by") == "shared_value").select("query", "document").rows()
    assert refused == [(0, 3), (1, 6), (3, 0), (3, 5), (3, 7)]  # (0, 7) is judged not relevant


def test_lists_share_where_they_have_a_value_in_common(tiny, rows):
    dataset = described(tiny, parent=pl.Series([["a", "b"], ["c"], [], ["b"], [], [], ["d"], ["c", "a"]]))
    keep = SharedValue().keep(rows, dataset).reshape(4, 8)
    assert np.flatnonzero(~keep[0]).tolist() == [0, 3, 7]
    assert np.flatnonzero(~keep[2]).tolist() == []


def test_a_column_that_is_not_there_or_not_filled_is_named_before_mining(tiny):
    with pytest.raises(RecipeError, match="shared_value: column names the column 'parent'"):
        Plan("train", (), (SharedValue(),), Selection()).check(tiny)
    dataset = described(tiny, parent=pl.Series(["a", None, "c", "a", "d", "a", "b", "a"]))
    with pytest.raises(DatasetError, match="1 of 8 documents of tiny have no 'parent', the first: 'd1'"):
        Plan("train", (), (SharedValue(),), Selection()).check(dataset)
    Plan("train", (), (SharedValue(allow_missing=True),), Selection()).check(dataset)
