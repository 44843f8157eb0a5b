"""A table on disk as numbered Parquet parts, one a block; positions in memory, ids on disk."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl

from hardneg import parquet
from hardneg.checksums import checked, is_damaged
from hardneg.data.corpus import unknown_ids
from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.files import replacing
from hardneg.negatives.own import without_answers
from hardneg.runs import layout
from hardneg.runs.joining import check_data

_MINE_AGAIN = "the command that wrote it makes it anew, and keeps all else"

_log = logging.getLogger(__name__)


def part_path(folder: Path, number: int) -> Path:
    """Name of one part of a table."""
    return folder / f"part-{number:05d}.parquet"


def part_files(folder: Path) -> list[Path]:
    """List the parts of a table in order; brackets in the folder's name mean themselves."""
    return sorted(folder.glob("part-*.parquet"))


def scan_parts(folder: Path) -> pl.LazyFrame:
    """Open a table as it is on disk, with ids, without reading it."""
    files = [checked(file, way_out=_MINE_AGAIN) for file in part_files(folder)]
    with readable(folder):
        return parquet.scan_parquet(files)


def is_whole(path: Path) -> bool:
    """Say whether a Parquet file is there as it was written; of a damaged one the log says that it is made anew.

    One without a checksum, from an earlier version, is whole if what it says of itself fits: so none is that was cut.
    """
    if not path.exists():
        return False
    if not is_damaged(path):
        with suppress(parquet.ParquetProblem):
            parquet.look_over(path)
            return True
    _log.warning("%s is damaged or cut; it is made anew, and all else is kept", path)
    return False


def write_part(table: pl.DataFrame, dataset: Dataset, path: Path) -> None:
    """Write one part with ids in place of positions; the file appears whole or not at all."""
    with replacing(path) as temporary:
        dataset.with_ids(table).write_parquet(temporary)


def read_parts(path: Path, dataset: Dataset) -> pl.DataFrame:
    """Read a table back, from its folder of parts or from one file, in the order in which it was written."""
    files = part_files(path) if path.is_dir() else [path]
    if not files or not files[0].exists():
        raise RunError(
            f"{path} holds no part-*.parquet; mine first (`hardneg mine DATASET -o {path}`), or name the folder of a "
            "finished run"
        )
    for file in files:
        checked(file, way_out=_MINE_AGAIN)
    with readable(path):
        table = pl.concat([parquet.read_parquet(file) for file in files])
    for name in ("query_id", "doc_id"):
        if table.schema.get(name) != pl.String:
            raise RunError(
                f"{path} has no column {name!r} of text, so these are no negatives that hardneg mined; "
                f"it has: {', '.join(table.columns)}. Name the folder of a finished run, or rename its columns"
            )
    table = with_positions(table, dataset, path)
    return table.select("query", "document", pl.exclude("query", "document", "query_id", "doc_id"))


def with_positions(table: pl.DataFrame, dataset: Dataset, path: Path) -> pl.DataFrame:
    """Find the `query` and `document` of rows that are known by `query_id` and `doc_id`; `path` is where they stand."""
    table = dataset.positions(table)
    for key, row in unknown_ids(table):
        raise RunError(f"{path} names {key} {row[key]!r}, which {dataset.name} does not have")
    return table


def read_negatives(path: Path, dataset: Dataset, *, allow_other_data: bool = False) -> pl.DataFrame:
    """Read mined negatives from a run folder, from its `negatives/`, or from one Parquet file.

    A Parquet file that lies in no run does not say what it was made from: of such a file only the ids are checked.
    """
    check_data(path, dataset, allow_other_data=allow_other_data)
    mined = read_mined(path, dataset)
    return without_answers(mined, dataset)[0] if allow_other_data else mined


def read_joined(
    place: Path, dataset: Dataset, *, allow_other_data: bool = False
) -> tuple[pl.DataFrame, int, list[str]]:
    """Read mined negatives, less those that have become answers; how many did, and what people should know of it."""
    note = check_data(place, dataset, allow_other_data=allow_other_data)
    mined, n_answers = without_answers(read_mined(place, dataset), dataset)
    left_out = f"{n_answers:,} negatives of {place} answer their query by now: left out" if n_answers else ""
    return mined, n_answers, [line for line in (note, left_out) if line]


def read_mined(path: Path, dataset: Dataset) -> pl.DataFrame:
    """Read mined negatives as `read_negatives` does, without asking which data they were mined from."""
    inside = path / "negatives"
    if (path / layout.MINING).exists() and not (path / layout.FUNNEL).exists():
        raise RunError(f"mining into {path} was interrupted; run it again, it goes on where it stopped")
    return read_parts(inside if inside.is_dir() else path, dataset)


def read_table(path: Path, *, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Read one file that a stage wrote, or some columns of it; a RunError names it if it is damaged."""
    with readable(path):
        return parquet.read_parquet(checked(path, way_out=_MINE_AGAIN), columns=columns)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what polars says of damaged Parquet into a RunError."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, parquet.ParquetProblem) as error:
        first_line = str(error).partition("\n")[0]
        raise RunError(f"{path} cannot be read as Parquet ({first_line}); delete it, {_MINE_AGAIN}") from error
