"""The score from which on a candidate is refused, placed by the scores of labelled positives."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64, Integer

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError, RunError
from hardneg.files import opened_arrays
from hardneg.filters.columns import is_found, is_positive
from hardneg.filters.expectation import Expectation, fit_expectation

_WHOLE = 100
_ROUNDING = 1e-9  # 7 % of 100 are 7, whatever binary fractions make of it


@dataclass(frozen=True)
class Bound:
    """A bound for each query, `quantile` spreads from where an answer to it is expected."""

    expectation: Expectation
    quantile: float

    def at(self, total: Float64[np.ndarray, " rows"], n: Integer[np.ndarray, " rows"]) -> Float64[np.ndarray, " rows"]:
        """Give the bound of queries whose `n` known answers add up to `total`."""
        return self.expectation.centre(total, n) + self.quantile * self.expectation.spread(n)

    def save(self, path: Path) -> None:
        """Write four numbers to a file of plain arrays."""
        with path.open("wb") as file:
            np.savez(file, quantile=self.quantile, **asdict(self.expectation))


def fit_positives(
    positives: pl.DataFrame,
    score: Float64[np.ndarray, " rows"],
    path: Path,
    *,
    percentile: float,
    per_query: bool,
) -> dict[str, Any]:
    """Place a bound by the labelled positives that some source found, write it down, and tell what it rests on."""
    scored = ~np.isnan(score)
    query, in_reach = positives["query"].to_numpy()[scored], is_found(positives)[scored]
    bound = fit_bound(query, score[scored], in_reach, percentile=percentile, per_query=per_query)
    bound.save(path)
    n = np.unique(query, return_counts=True)[1]
    counts = {"positives": len(query), "found": int(in_reach.sum()), "queries_with_several": int((n > 1).sum())}
    return {"percentile": percentile, "quantile": bound.quantile, **asdict(bound.expectation), **counts}


def fit_bound(
    query: Integer[np.ndarray, " answers"],
    score: Float64[np.ndarray, " answers"],
    counted: Bool[np.ndarray, " answers"],
    *,
    percentile: float,
    per_query: bool,
) -> Bound:
    """Place a bound such that at most `percentile` % of further answers like those that count are expected below it.

    Each known answer deviates from what the others of its query let expect. The quantile is the k-th lowest deviation
    of the n that count, k = ⌊percentile · (n + 1) / 100⌋. Without `per_query` nothing is expected, so that deviations
    are the scores themselves; with it, answers that are the only one of their query do not count. Too few answers for
    the percentile, k = 0, are a RecipeError.

    References:
        Split conformal prediction: Vovk, Gammerman and Shafer (2005), "Algorithmic learning in a random world",
        section 2.2; deviations that leave the answer itself out: Barber et al. (2021), arXiv:1905.02928.
    """
    expectation = fit_expectation(query, score) if per_query else Expectation()
    if expectation != Expectation():  # a query that is mined for has a known answer, and so must those that count here
        _, which, times = np.unique(query, return_inverse=True, return_counts=True)
        counted = counted & (times[which] > 1)
    n = int(counted.sum())
    k = int(percentile * (n + 1) / _WHOLE + _ROUNDING)
    if k < 1:
        least = np.ceil(10 * _WHOLE / (n + 1)) / 10
        raise RecipeError(
            f"percentile is {percentile:g}, but {percentile:g} % of {n:,} labelled positives found and scored "
            + (f"is not one of them; set it to {least:g} or more" if least < _WHOLE else "is none at all")
        )
    deviations = _deviations(query, score, expectation)[counted]
    return Bound(expectation, float(np.partition(deviations, k - 1)[k - 1]))


def below(
    path: str | None, candidates: pl.DataFrame, score: Float64[np.ndarray, " rows"], dataset: Dataset, *, filter_: str
) -> Bool[np.ndarray, " rows"]:
    """Mark the rows that score below the fitted bound of their query; one without a score does not."""
    bound = _fitted(path, filter_)
    counted = is_positive(candidates, dataset) & ~np.isnan(score)
    columns = {"query": candidates["query"], "score": np.where(counted, score, 0.0), "n": counted.astype(np.int64)}
    sums = pl.DataFrame(columns).select(pl.col("score", "n").sum().over("query"))
    return score < bound.at(sums["score"].to_numpy(), sums["n"].to_numpy())


def _fitted(path: str | None, filter_: str) -> Bound:
    if path is None:
        raise RecipeError(f"{filter_}: the filter was not fitted; mine with `hardneg mine` or `run`, they fit it first")
    try:
        return _load(Path(path), Path(path).stat().st_mtime_ns)
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise RunError(
            f"{path} cannot be read ({type(error).__name__}), where {filter_} was fitted; delete it and mine again"
        ) from error


@lru_cache(maxsize=16)
def _load(path: Path, changed: int) -> Bound:  # noqa: ARG001 - what was written anew is read anew
    with opened_arrays(path) as arrays:
        values = {name: float(arrays[name]) for name in ("mean", "between", "within", "quantile")}
    return Bound(quantile=values.pop("quantile"), expectation=Expectation(**values))


def _deviations(
    query: Integer[np.ndarray, " answers"], score: Float64[np.ndarray, " answers"], expectation: Expectation
) -> Float64[np.ndarray, " answers"]:
    """Measure each answer against what the others of its query let expect, in units of the spread."""
    _, which, n = np.unique(query, return_inverse=True, return_counts=True)
    others, n_others = np.bincount(which, score)[which] - score, n[which] - 1
    return (score - expectation.centre(others, n_others)) / expectation.spread(n_others)
