"""Files that are written a table at a time: lines of JSON, TSV, TREC, one JSON document, Parquet."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

import polars as pl

_TREC = (".trec", ".run", ".qrels")
_GROUP = 2048  # rows of a group in a Parquet file


class Sink(Protocol):
    """A file that is being written."""

    n_rows: int

    def write(self, table: pl.DataFrame) -> None:
        """Add rows."""

    def close(self, *, whole: bool) -> None:
        """Close the file, and end it if all was written."""


class _Lines:
    """Lines of JSON, of TSV with a header, or of TREC's fields."""

    def __init__(self, path: Path, suffix: str) -> None:
        self._file, self._suffix, self.n_rows = path.open("wb"), suffix, 0

    def write(self, table: pl.DataFrame) -> None:
        if self._suffix == ".jsonl":
            table.write_ndjson(self._file)
        elif self._suffix in _TREC:
            table.write_csv(self._file, separator=" ", include_header=False, quote_style="never")
        else:
            table.write_csv(self._file, separator="\t", include_header=self.n_rows == 0)
        self.n_rows += table.height

    def close(self, *, whole: bool) -> None:  # noqa: ARG002 - as every sink
        self._file.close()


class _Document:
    """One JSON document whose last member is a list of the rows."""

    def __init__(self, path: Path, head: str) -> None:
        self._file: IO[bytes] = path.open("wb")
        self.n_rows = 0
        self._file.write(head.encode() + b"[\n")

    def write(self, table: pl.DataFrame) -> None:
        lines = table.write_ndjson().rstrip("\n").replace("\n", ",\n")
        self._file.write((",\n" if self.n_rows else "").encode() + lines.encode())
        self.n_rows += table.height

    def close(self, *, whole: bool) -> None:
        if whole:
            self._file.write(b"\n]}\n")
        self._file.close()


class _Parquet:
    """Parts, which become one file at last."""

    def __init__(self, path: Path) -> None:
        self._path, self._parts, self.n_rows = path, list[Path](), 0

    def write(self, table: pl.DataFrame) -> None:
        part = self._path.with_name(f".{self._path.name}.{len(self._parts)}.part")
        self._parts.append(part)
        table.write_parquet(part)
        self.n_rows += table.height

    def close(self, *, whole: bool) -> None:
        try:
            if whole:
                pl.scan_parquet(self._parts, glob=False).sink_parquet(self._path, row_group_size=_GROUP)
        finally:
            for part in self._parts:
                part.unlink(missing_ok=True)


class Sinks:
    """The files of an export, each opened when it is first written to.

    `suffix` is that of a form of one file, which is written to `place` itself; else `place` is a folder. `heads` has
    the beginnings of JSON documents.
    """

    def __init__(self, place: Path, *, suffix: str | None, heads: Mapping[str, str]) -> None:
        self._place, self._suffix, self._heads = place, suffix, heads
        self.files: dict[str, Sink] = {}

    def write(self, name: str, table: pl.DataFrame) -> None:
        """Add rows to a file."""
        if name not in self.files:
            self.files[name] = self._opened(name)
        self.files[name].write(table)

    def _opened(self, name: str) -> Sink:
        path = self._place / name if name else self._place
        suffix = self._suffix or path.suffix
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".parquet":
            return _Parquet(path)
        return _Document(path, self._heads[name]) if suffix == ".json" else _Lines(path, suffix)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for sink in self.files.values():
            sink.close(whole=kind is None)
