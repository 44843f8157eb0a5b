"""In which order a source's candidates are chosen."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64

from hardneg.errors import RecipeError
from hardneg.filters.columns import numbers
from hardneg.randomness import uniform

_DRAW = 1


@dataclass(frozen=True, eq=False)
class Order:
    """When each row is chosen."""

    last: Bool[np.ndarray, " rows"]  # after all the others, since nothing tells how good the row is
    key: Float64[np.ndarray, " rows"]  # smaller is sooner, among rows of equal `last`


@dataclass(frozen=True)
class Top:
    """Choose the hardest first: the best rank, or the highest score if the selection names one."""

    compares_scores: ClassVar[bool] = False

    def order(self, rows: pl.DataFrame, *, by_score: bool, seed: int) -> Order:  # noqa: ARG002
        """Order rows by rank, or by score with the unscored behind, by rank."""
        rank = rows["rank"].to_numpy().astype(np.float64)
        if not by_score:
            return Order(np.zeros(len(rank), dtype=bool), rank)
        score = numbers(rows["score"])
        return Order(np.isnan(score), np.where(np.isnan(score), rank, -score))


@dataclass(frozen=True)
class Uniform:
    """Choose evenly among all that is left."""

    compares_scores: ClassVar[bool] = False

    def order(self, rows: pl.DataFrame, *, by_score: bool, seed: int) -> Order:  # noqa: ARG002
        """Order rows by a number drawn for the seed, the query and the document."""
        return Order(np.zeros(rows.height, dtype=bool), _gumbel(rows, seed))


@dataclass(frozen=True)
class Weighted:
    """Draw without replacement, each row in proportion to `exp(score / temperature)`.

    Rows without a score come after those with one, in random order; in a source that scores nothing the
    draw is therefore even.

    Args:
        temperature: Above 0, in units of the score: small is nearly `Top`, large nearly `Uniform`. The default
            suits cosines.

    Raises:
        RecipeError: The temperature is not above 0.

    References:
        Gumbel top-k, which draws exactly this way: Kool et al. (2019), arXiv:1903.06059, section 2.3.
    """

    temperature: float = 0.05

    compares_scores: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 < self.temperature < np.inf:
            raise RecipeError(f"weighted: temperature is {self.temperature}; set it above 0, say 0.05")

    def order(self, rows: pl.DataFrame, *, by_score: bool, seed: int) -> Order:  # noqa: ARG002
        """Order rows as they are drawn."""
        return _drawn(numbers(rows["score"]) / self.temperature, rows, seed)


@dataclass(frozen=True)
class SimANS:
    """Draw without replacement, each row in proportion to `exp(-a * (s - s+ - b)^2)`.

    Rows that score near the weakest positive s+ are the likeliest: easier ones teach little, and harder ones
    are often unlabelled answers. The sign of `b` is the paper's: a negative `b` moves the peak below the
    positive. Rows without a score, or whose query has no scored positive, come last, in random order.

    Args:
        a: Sharpness, at least 0. A row at distance `sqrt(ln 2 / a)` from the peak is half as likely: 1.2 for
            the default, which suits dot products; cosines need 50 (0.12) and more.
        b: Where the peak lies, counted from the positive's score.

    Raises:
        RecipeError: `a` is negative, or a value is not finite.

    References:
        Zhou et al. (2022), arXiv:2210.11773; a = 0.5 and b = 0 are the defaults of its code.
    """

    a: float = 0.5
    b: float = 0.0

    compares_scores: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 <= self.a < np.inf:
            raise RecipeError(f"simans: a is {self.a}; set it to 0 or more, say 0.5")
        if not np.isfinite(self.b):
            raise RecipeError(f"simans: b is {self.b}; set it to a number, say 0")

    def order(self, rows: pl.DataFrame, *, by_score: bool, seed: int) -> Order:  # noqa: ARG002
        """Order rows as they are drawn."""
        distance = numbers(rows["score"]) - numbers(rows["positive_score"]) - self.b
        return _drawn(-self.a * distance**2, rows, seed)


Strategy = Top | Uniform | Weighted | SimANS


def _drawn(log_weight: Float64[np.ndarray, " rows"], rows: pl.DataFrame, seed: int) -> Order:
    """Order rows by Gumbel top-k: no weight is ever raised to a power, so none can underflow."""
    unknown = np.isnan(log_weight)
    return Order(unknown, _gumbel(rows, seed) - np.where(unknown, 0.0, log_weight))


def _gumbel(rows: pl.DataFrame, seed: int) -> Float64[np.ndarray, " rows"]:
    """Draw negated Gumbel noise; a document has one draw a query, whoever found it."""
    return np.log(-np.log(uniform(seed, _DRAW, rows["query"].to_numpy(), rows["document"].to_numpy())))


STRATEGIES = {"top": Top, "random": Uniform, "weighted": Weighted, "simans": SimANS}
