"""P(planted) of the candidates of an audit, by classifiers that never saw the query."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64, Int64
from scipy.special import expit

from hardneg.audits.measures import clusters
from hardneg.audits.unlabelled import Unlabelled, estimated
from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError
from hardneg.filters.columns import is_positive
from hardneg.filters.learned.features import Features
from hardneg.filters.learned.model import fit_classifier, log_odds
from hardneg.planting.planting import Planted
from hardneg.randomness import bits

_FOLD, _SEED = 7, 0
_FOLDS = 5
_ENOUGH = 30  # hidden answers among the candidates


_ROWS = ("query", "document", "selected", "hidden")


def seen(candidates: pl.DataFrame, negatives: pl.DataFrame, planted: Planted, features: Features) -> pl.DataFrame:
    """Describe what of a block no filter refused: `query`, `document`, `selected`, `hidden`, and each feature."""
    eligible = candidates["dropped_by"].is_null().to_numpy()
    part = candidates.filter(pl.Series(eligible | is_positive(candidates, planted.dataset)))
    is_eligible = pl.Series(part["dropped_by"].is_null().to_numpy())
    described = features.describe(part, planted.dataset).filter(is_eligible)
    rows = part.filter(is_eligible).select("query", "document")
    chosen = negatives.select("query", "document", selected=pl.lit(value=True))
    rows = rows.join(chosen, on=["query", "document"], how="left", maintain_order="left")
    hidden = planted.is_hidden(rows["query"].to_numpy(), rows["document"].to_numpy())
    rows = rows.with_columns(pl.col("selected").fill_null(value=False), hidden=pl.Series(hidden))
    return rows.hstack(described.rename(lambda name: f"feature.{name}"))


@dataclass
class Detector:
    """Collects what mining found, block by block, and estimates how many answers nobody labelled are in it."""

    dataset: Dataset
    group: str | None = None  # metadata whose values share a fold and are drawn together
    blocks: list[pl.DataFrame] = field(default_factory=list)  # as `seen` describes them

    def estimate(self) -> Unlabelled:
        """Estimate the contamination of all that was seen, unlabelled answers included."""
        rows = pl.concat(self.blocks)
        hidden = rows["hidden"].to_numpy()
        if hidden.sum() < _ENOUGH:
            raise DatasetError(
                f"too few answers to estimate from: {hidden.sum()} hidden ones are among the candidates that no filter "
                f"refused, and {_ENOUGH} are needed; audit with a looser filter, more seeds or without --estimate"
            )
        cluster, _ = clusters(self.dataset, rows["query"].to_numpy(), self.group)
        described = rows.select(pl.exclude(_ROWS)).to_numpy()
        g = out_of_fold(described, hidden, cluster, seed=_SEED)
        selected = rows["selected"].to_numpy()
        return estimated(g, hidden=hidden, selected=selected, cluster=cluster, seed=_SEED)


def out_of_fold(
    described: np.ndarray, planted: Bool[np.ndarray, " rows"], cluster: Int64[np.ndarray, " rows"], *, seed: int
) -> Float64[np.ndarray, " rows"]:
    """Give P(planted) of each row by a classifier that was fitted without its cluster, calibrated (Platt 1999)."""
    from sklearn.linear_model import LogisticRegression

    fold = bits(seed, _FOLD, cluster) % np.uint64(_FOLDS)
    raw = np.zeros(len(planted))
    for number in range(_FOLDS):
        inside = fold == number
        if inside.any() and planted[~inside].any():
            columns = ~np.isnan(described[~inside]).all(axis=0)  # the classifier cannot bin what is never known
            classifier = fit_classifier(described[~inside][:, columns], planted[~inside], seed=seed)
            raw[inside] = log_odds(classifier, described[inside][:, columns])
    scale = LogisticRegression(C=1e6).fit(raw[:, None], planted)
    return np.asarray(expit(float(scale.coef_[0, 0]) * raw + float(scale.intercept_[0])), dtype=np.float64)
