import polars as pl
import pytest

from hardneg.domains.recommender.build import least_positive
from hardneg.errors import DatasetError


def ratings(*values):
    return pl.Series("rating", values, dtype=pl.Float64)


@pytest.mark.parametrize(
    ("values", "min_rating", "least"),
    [
        ((0, 1, 1), None, 1.0),
        ((4, 4, 4), None, None),
        ((1, 1), None, None),
        ((None, None), None, None),
        ((1, 3, 5), 4, 4),
        ((0, 17, 250), 10, 10),
        ((1, 3, 5), 0, 0),
    ],
)
def test_a_rating_is_positive_where_its_meaning_is_plain_or_said(values, min_rating, least):
    assert least_positive(ratings(*values), min_rating)[0] == least


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((1, 2, 3, 4, 4, 5), r"go from 1 to 5 \(1: 1, 2: 1, 3: 1, 4: 2, 5: 1\).*--min-rating 4 \(3 of 6\).*--ignore-"),
        ((-1, 1), r"go from -1 to 1 .*--min-rating 1 \(1 of 2\)"),
        ((0, 0), "each rating is 0, so nothing was taken; name another"),
        ((0.0, 0.5, 1.0), r"go from 0 to 1"),
        (tuple(range(1, 100)), r"go from 1 to 99 \(median 50\).*--min-rating 50 \(50 of 99\)"),
    ],
)
def test_any_other_scale_is_refused_with_its_range_and_an_example(values, message):
    with pytest.raises(DatasetError, match=message):
        least_positive(ratings(*values), None)


def test_a_threshold_that_nothing_reaches_is_refused_with_the_range():
    with pytest.raises(DatasetError, match="no rating reaches 10: they go from 1 to 5"):
        least_positive(ratings(1, 5), 10)
