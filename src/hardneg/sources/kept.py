"""What sources found, kept on disk so that several plans over the same sources search once."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.checksums import is_damaged
from hardneg.data.dataset import Dataset
from hardneg.files import replacing
from hardneg.parquet import ParquetProblem, read_parquet
from hardneg.sources.protocol import Source, identity

_kept: ContextVar[Path | None] = ContextVar("kept", default=None)


@contextmanager
def keeping_retrievals(folder: Path) -> Iterator[None]:
    """Keep what sources find inside the block, and take from there what they found before.

    Files that a source reads but does not hash may change unseen.
    """
    token = _kept.set(folder)
    try:
        yield
    finally:
        _kept.reset(token)


def retrieved(source: Source, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
    """Ask a source, unless what it found for this block is kept."""
    folder = _kept.get()
    if folder is None:
        return source.retrieve(dataset, block, depth)
    state = hashlib.blake2b(f"{dataset.fingerprint} {identity(source, dataset)} {depth}".encode(), digest_size=16)
    state.update(block.tobytes())
    path = folder / f"{state.hexdigest()}.parquet"
    if path.exists() and not is_damaged(path):
        with suppress(ParquetProblem):
            return read_parquet(path)
    table = source.retrieve(dataset, block, depth)
    with replacing(path) as temporary:
        table.write_parquet(temporary)
    return table
