"""Texts in tables that people open: a spreadsheet would run what begins like a formula."""

import re
from typing import TypeVar

import polars as pl

_FORMULA = r"^'*[=+\-@\t\r\n]"  # as OWASP lists them; apostrophes before it are ours, or mean themselves
_BEGINS = re.compile(_FORMULA)
Value = TypeVar("Value")


def guarded(value: Value) -> Value | str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula; anything else stays.

    >>> guarded("=1+1"), guarded("plain"), guarded(-1)
    ("'=1+1", 'plain', -1)

    References:
        OWASP, "CSV Injection": cells that begin with =, +, -, @, a tab or a line break.
    """
    return f"'{value}" if isinstance(value, str) and _BEGINS.match(value) else value


def unguarded(text: str) -> str:
    """Take away the apostrophe that `guarded` put before a text.

    >>> [unguarded(guarded(text)) for text in ("=x", "'=x", "x", "'x")]
    ['=x', "'=x", 'x', "'x"]
    """
    return text[1:] if text.startswith("'") and _BEGINS.match(text) else text


def guarded_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """Guard all texts of a table, and the names of its columns."""
    text = pl.col(pl.String)
    guarded_texts = pl.when(text.str.contains(_FORMULA)).then(pl.lit("'") + text).otherwise(text)
    return frame.with_columns(guarded_texts.name.keep()).rename(lambda name: str(guarded(name)))
