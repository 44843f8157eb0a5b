"""What every figure of the report can do."""

from typing import Protocol

import polars as pl
from markupsafe import Markup


class Figure(Protocol):
    """A picture, the table behind it, and the sentence that it stands for."""

    @property
    def key(self) -> str:
        """Its name in links and file names, such as `funnel`."""

    @property
    def title(self) -> str:
        """What it shows, in a few words."""

    @property
    def lead(self) -> str:
        """What it says, in a sentence or two that can be read without it."""

    def frame(self) -> pl.DataFrame:
        """The numbers that are drawn."""

    def svg(self, width: int) -> Markup:
        """The picture, so many pixels wide."""
