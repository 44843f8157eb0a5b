"""Ids as texts: whole numbers lose no digit and gain no `.0`."""

from hashlib import blake2b
from pathlib import Path

import polars as pl

from hardneg.errors import DatasetError

_SLICE = 65_536
_LARGEST = 2**53  # whole numbers above it have no exact float


def as_ids(values: pl.Series, *, path: Path, column: str | None = None) -> pl.Series:
    """Write ids as texts."""
    name = column or values.name
    if values.dtype.is_float():
        numbers = values.drop_nulls()
        odd = numbers.filter(~((numbers == numbers.round()) & (numbers.abs() < _LARGEST)))
        if len(odd):
            raise DatasetError(
                f"column {name!r} holds {odd[0]} where an id is needed; write ids as whole numbers or texts", path=path
            )
        return values.cast(pl.Int64).cast(pl.String)
    if values.dtype.is_nested() or values.dtype == pl.Boolean:
        raise DatasetError(f"column {name!r} holds {values.dtype}, not ids; name another column", path=path)
    text = values.cast(pl.String)
    return text.to_frame("id").select(pl.when(pl.col("id").str.strip_chars() != "").then("id")).to_series()


def content_ids(texts: pl.Series, *, prefix: str) -> pl.Series:
    """Give each text an id that depends on it alone: a prefix and 16 hexadecimal digits (BLAKE2b-64)."""
    parts = [
        pl.Series([prefix + blake2b(text.encode(), digest_size=8).hexdigest() for text in texts.slice(start, _SLICE)])
        for start in range(0, len(texts), _SLICE)
    ]
    return pl.concat(parts) if parts else pl.Series(dtype=pl.String)
