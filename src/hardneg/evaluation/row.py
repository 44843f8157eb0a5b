"""One system, measured once or once a seed: a line of a table."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from hardneg.evaluation.metrics import PRIMARY
from hardneg.evaluation.significance import mean_interval


@dataclass(frozen=True)
class Row:
    """One line of the table: a system, measured once, or once a seed if it was trained."""

    name: str
    seeds: list[pl.DataFrame]
    measure: str = PRIMARY  # the one that it is judged by

    @property
    def per_query(self) -> pl.DataFrame:
        """Each query's measures, averaged over the seeds."""
        return pl.concat(self.seeds).group_by("query_id").mean().sort("query_id")

    def as_dict(self, *, seed: int = 0) -> dict[str, dict[str, Any]]:
        """Give the figures of each measure by name."""
        per_query, figures = self.per_query, {}
        for name in (column for column in per_query.columns if column != "query_id"):
            means = pl.Series([table[name].mean() for table in self.seeds], dtype=pl.Float64)
            low, high = mean_interval(per_query[name].to_numpy(), seed=seed)
            interval = {"low": low, "high": high, "n": per_query.height}
            figures[name] = {"value": means.mean(), **interval, "seeds": means.to_list(), "sd": means.std()}
        return figures
