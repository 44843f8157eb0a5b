"""A window of ranks."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from jaxtyping import Bool

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.filters.columns import column


@dataclass(frozen=True)
class RankWindow:
    """Refuse what a source ranks too high to be trusted or too low to be hard.

    Ranks are those of the retrieval, counted from 1 before anything was dropped.

    Args:
        source: The source whose ranks count.
        low: First rank that may serve, at least 1.
        high: Last rank that may serve, at least `low`; None leaves the window open.
        absent: What happens to rows that this source did not retrieve: "keep", since it says nothing about
            them, or "drop".

    Raises:
        RecipeError: The window is empty or `absent` is unknown.
    """

    source: str
    low: int = 1
    high: int | None = None
    absent: Literal["keep", "drop"] = "keep"

    name: ClassVar[str] = "rank_window"
    exempts_judged: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.low < 1:
            raise RecipeError(f"rank_window: low is {self.low}, but ranks count from 1; set low = 1 or more")
        if self.high is not None and self.high < self.low:
            raise RecipeError(f"rank_window: high is {self.high}, below low = {self.low}; raise high or lower low")
        if self.absent not in ("keep", "drop"):
            raise RecipeError(f'rank_window: absent is {self.absent!r}; set it to "keep" or "drop"')

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:  # noqa: ARG002
        """Keep the rows ranked inside the window; a source that is not there is a RecipeError."""
        rank = column(candidates, "rank", self.source)
        inside = rank >= self.low
        if self.high is not None:
            inside = inside & (rank <= self.high)
        return inside.fill_null(self.absent == "keep").to_numpy()
