"""Results as notebooks show them: the line that sums one up, and its table below."""

from abc import ABC, abstractmethod
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


class Framed(ABC):
    """A result with a table; its `repr` is one line and costs nothing."""

    @abstractmethod
    def frame(self) -> "pl.DataFrame":
        """Lay the result out as a table."""

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.frame()._repr_html_()}"
