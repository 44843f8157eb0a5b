"""Results as notebooks show them: the line that sums one up, and its table below."""

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


class Framed:
    """A result with a table; its `repr` is one line and costs nothing."""

    def frame(self) -> "pl.DataFrame":
        """Lay the result out as a table."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.frame()._repr_html_()}"
