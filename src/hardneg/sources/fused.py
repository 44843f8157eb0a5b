"""Two sources made one ranking, as hybrid search serves it."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.data.findings import Finding
from hardneg.errors import RecipeError
from hardneg.search.fusion import RANKS, by_reciprocal_rank, by_weighted_scores
from hardneg.sources.protocol import Checks, Source, TellsFindings, identity
from hardneg.sources.retrieval import RETRIEVAL_SCHEMA, checked_name

_KEYS = ("query", "document")
By = Literal["ranks", "scores"]


@dataclass(frozen=True)
class Fused:
    """The best documents of two sources together: what a hybrid search shows, and so what it gets wrong.

    A document scores the sum over both of 1 / (60 + rank), or the weighted sum of its scores, each brought to [0, 1]
    within a query. How deep the two are asked decides the ranking, so that depth is fixed here, and asking for fewer
    documents gives the first of the same list.

    Args:
        first: One source.
        second: The other; its name must differ.
        by: "ranks" (reciprocal rank fusion) or "scores".
        weight: Share of the second, from 0 to 1; the first has the rest.
        pool: Documents that each is asked for, at least 1.
        name: Suffix of its columns.

    Raises:
        RecipeError: A value is out of range, or the names are equal.

    References:
        Cormack, Clarke and Büttcher (2009) for ranks; Bruch, Gai and Ingber (2023), arXiv:2210.11934, for scores.
    """

    first: Source
    second: Source
    by: By = "ranks"
    weight: float = 0.5
    pool: int = 200
    name: str = "fused"

    def __post_init__(self) -> None:
        checked_name(self.name, kind="fused")
        if self.by not in get_args(By):
            raise RecipeError(f'fused: by is {self.by!r}; set it to "ranks" or "scores"')
        if not (math.isfinite(self.weight) and 0 <= self.weight <= 1):
            raise RecipeError(f"fused: weight is {self.weight}; set it from 0 to 1, the share of the second source")
        if self.pool < 1:
            raise RecipeError(f"fused: pool is {self.pool}; set it to 1 or more")

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Ask both, and rank what either found."""
        runs = [source.retrieve(dataset, block, self.pool) for source in (self.first, self.second)]
        weights = (1 - self.weight, self.weight)
        if self.by == "ranks":
            rows = by_reciprocal_rank(runs, keys=_KEYS, weights=weights, constant=RANKS)
        else:
            for run, source in zip(runs, (self.first, self.second), strict=True):
                if run["score"].has_nulls():
                    raise RecipeError(f'fused: source {source.name!r} gives no scores; fuse by = "ranks"')
            rows = by_weighted_scores(runs, keys=_KEYS, weights=weights)
        best = rows.filter(pl.col("rank") <= depth)
        return best.select(pl.col(name).cast(kind) for name, kind in RETRIEVAL_SCHEMA.items())

    def check(self, dataset: Dataset, queries: Int32[np.ndarray, " queries"], *, split: str) -> None:
        """Have both look at the dataset first."""
        for source in (self.first, self.second):
            if isinstance(source, Checks):
                source.check(dataset, queries, split=split)

    def findings(self, dataset: Dataset) -> list[Finding]:
        """Say what the two have to say."""
        both = (self.first, self.second)
        return [each for source in both if isinstance(source, TellsFindings) for each in source.findings(dataset)]

    def fingerprint(self) -> str:
        """Hash of all that decides what the two find."""
        return f"{identity(self.first)} {identity(self.second)}"
