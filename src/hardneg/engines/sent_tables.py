"""Sending work whose tables and arrays lie in files: each worker maps them, in place of a copy of its own.

The files are written once for all workers and all works of a crew, into a folder of the cache, which all machines see.
A worker's memory then does not grow with the corpus: of a mapped file the system keeps what is read while there is
room, and one copy for all workers of a machine.
"""

import io
import itertools
import shutil
import socket
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from filelock import FileLock, Timeout

from hardneg.engines.protocol import Work
from hardneg.errors import RunError
from hardneg.files import cache_folder, replacing
from ray import cloudpickle

LEAST = 2**20  # bytes that are worth a file
_COLUMN = "values"  # of a file with one column, which may have no name


@dataclass(eq=False)
class SentTables:
    """The files of a process that hands out work; they go when it lets go of them, or at the next start if it died."""

    folder: Path
    lock: FileLock
    _written: dict[int, tuple[weakref.ref[Any], tuple[Any, ...]]] = field(default_factory=dict)  # by id
    _files: list[tuple[weakref.ref[Any], Path]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def made(cls) -> "SentTables":
        """Make a folder, and remove those whose process on this machine is dead."""
        place, host = cache_folder() / "works", socket.gethostname()
        place.mkdir(parents=True, exist_ok=True)
        for old in place.glob(f"{host}-*"):
            try:
                with FileLock(old / ".lock", timeout=0):
                    shutil.rmtree(old, ignore_errors=True)
            except (Timeout, OSError):
                continue
        new = Path(mkdtemp(prefix=".", dir=place))
        new.chmod(0o755)  # workers may be another user's
        lock = FileLock(new / ".lock", thread_local=False)
        lock.acquire()
        return cls(new.rename(place / f"{host}-{new.name[1:]}"), lock)  # it is locked before others see it

    def pack(self, work: Work) -> bytes:
        """Pickle a work, but for its large tables and arrays."""
        buffer = io.BytesIO()
        _Pickler(buffer, self).dump(work)  # type: ignore[no-untyped-call]
        return buffer.getvalue()

    def forget(self) -> None:
        """Remove the files of what is gone, which no later work can ask for; no worker may be at an earlier one."""
        gone = [path for value, path in self._files if value() is None]
        self._files = [(value, path) for value, path in self._files if value() is not None]
        for path in gone:
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the files; workers that map them are to be gone."""
        self.lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def sent(self, value: Any) -> tuple[Any, ...] | None:  # noqa: ANN401
        """Write a table or an array to a file, once, and say how it is read; None if it is sent as it is."""
        before = self._written.get(id(value))
        if before is not None and before[0]() is value:
            return before[1]
        path = self.folder / f"{next(self._numbers):06d}"
        how = _write_array(value, path) if isinstance(value, np.ndarray) else _write_table(value, path)
        if how is not None:
            self._written[id(value)] = (weakref.ref(value), how)
            self._files.append((self._written[id(value)][0], path))
        return how


def unpacked(packed: bytes) -> Work:
    """Take a work that the process that hands out work packed: as much to be trusted as what Ray itself unpickles."""
    try:
        work: Work = cloudpickle.loads(packed)
    except OSError as error:
        raise RunError(
            f"ray: a worker on {socket.gethostname()} cannot read the work's tables ({error}); set HARDNEG_CACHE to a "
            "folder that all machines of the cluster see under one path, and may read"
        ) from None
    return work


class _Pickler(cloudpickle.CloudPickler):
    """A pickler that leaves large tables and arrays in files."""

    def __init__(self, buffer: io.BytesIO, tables: SentTables) -> None:
        super().__init__(buffer)  # type: ignore[no-untyped-call]
        self.tables = tables

    def reducer_override(self, value: Any) -> Any:  # noqa: ANN401
        """Say how a value is made again."""
        if _n_bytes(value) >= LEAST:
            how = self.tables.sent(value)
            if how is not None:
                return how
        return super().reducer_override(value)  # type: ignore[no-untyped-call]


def _n_bytes(value: object) -> int:
    """Give the size of what can be in a file; else -1."""
    if type(value) in (np.ndarray, np.memmap):
        return -1 if value.dtype.hasobject or value.dtype.names else value.nbytes  # type: ignore[attr-defined]
    return int(value.estimated_size()) if isinstance(value, pl.DataFrame | pl.Series) else -1


def _write_array(array: np.ndarray, path: Path) -> tuple[Any, ...]:
    with replacing(path, sums=False) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)
    return _mapped_array, (str(path),)


def _write_table(value: pl.DataFrame | pl.Series, path: Path) -> tuple[Any, ...] | None:
    """Write a table as an Arrow file of one batch; None if it cannot be read from one as it was."""
    table = value.to_frame(_COLUMN) if isinstance(value, pl.Series) else value
    try:
        with replacing(path, sums=False) as temporary:
            table.write_ipc(temporary, record_batch_size=table.height)
        same = _mapped_table(str(path)).schema == table.schema
    except (pl.exceptions.PolarsError, pa.ArrowException):
        same = False
    if not same:
        return None
    return (_mapped_column, (str(path), value.name)) if isinstance(value, pl.Series) else (_mapped_table, (str(path),))


def _mapped_array(path: str) -> np.ndarray:
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _mapped_table(path: str) -> pl.DataFrame:
    with pa.memory_map(path) as file:
        table = pl.from_arrow(pa.ipc.open_file(file).read_all())
    assert isinstance(table, pl.DataFrame)
    return table


def _mapped_column(path: str, name: str) -> pl.Series:
    return _mapped_table(path).to_series().alias(name)
