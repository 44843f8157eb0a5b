"""Which interactions are positive: what a rating means is never guessed."""

import polars as pl

from hardneg.errors import DatasetError

_FEW = 11  # values that are listed one by one: half stars make ten
_LIKED = 0.75  # of a scale's length, for an example of a threshold: 4 of 1 to 5


def least_positive(rating: pl.Series, min_rating: float | None) -> tuple[float | None, str]:
    """Settle from which rating on an interaction is positive.

    >>> least_positive(pl.Series([0.0, 1.0]), None)
    (1.0, 'positive is 1, a click; 0 is an exposure without a click (1 of 2)')
    """
    values = rating.drop_nulls()
    if values.is_empty():
        if min_rating is not None:
            raise DatasetError(
                "a least rating is given, but the interactions have no rating; name its column with --rating"
            )
        return None, "positive is every interaction: there is no rating"
    low, high = float(values.min()), float(values.max())  # type: ignore[arg-type]
    if min_rating is not None:
        reached = int((values >= min_rating).sum())
        if not reached:
            raise DatasetError(
                f"no rating reaches {min_rating:g}: they go from {low:g} to {high:g}; lower --min-rating"
            )
        return min_rating, f"positive is a rating from {min_rating:g} on ({reached:,} of {len(values):,})"
    if {low, high} == {0.0, 1.0} and values.is_in([0.0, 1.0]).all():
        ones = int(values.sum())
        return 1.0, f"positive is 1, a click; 0 is an exposure without a click ({ones:,} of {len(values):,})"
    if low == high and low > 0:
        return None, f"positive is every interaction: each has the rating {low:g}"
    if low == high == 0:
        raise DatasetError(
            "each rating is 0, so nothing was taken; name another column with --rating, or take all rows as positive "
            "with --ignore-rating"
        )
    raise DatasetError(_ask(values, low, high))


def _ask(values: pl.Series, low: float, high: float) -> str:
    counted = values.value_counts().sort(values.name)
    if counted.height <= _FEW:
        shown = ", ".join(f"{value:g}: {count:,}" for value, count in counted.iter_rows())
        known = counted[values.name]
        example = float(known.filter(known >= low + _LIKED * (high - low)).min())  # type: ignore[arg-type]
    else:
        shown = f"median {float(values.quantile(0.5, 'linear') or 0):g}"
        example = float(values.quantile(0.5, "higher") or high)
    reached = int((values >= example).sum())
    return (
        f"the ratings go from {low:g} to {high:g} ({shown}), and nothing says which are positive; for example "
        f"--min-rating {example:g} ({reached:,} of {len(values):,}); --ignore-rating takes all"
    )
