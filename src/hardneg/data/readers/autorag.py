"""AutoRAG's folder: qa.parquet and corpus.parquet."""

from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.parquet import read_parquet
from hardneg.data.readers.ids import as_ids
from hardneg.data.readers.pool import pool_of
from hardneg.data.readers.rows import LABELS, ROW, Records, records_dataset
from hardneg.data.readers.table import Table
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

_NEEDED = ("qid", "query", "retrieval_gt")


def autorag_files(folder: Path) -> tuple[Path, Path] | None:
    """Find the questions and the corpus of a folder; None if it has no such files."""
    found = [next(iter(sorted(folder.glob(f"{name}*.parquet"))), None) for name in ("qa", "corpus")]
    return (found[0], found[1]) if found[0] is not None and found[1] is not None else None


def read_autorag(folder: Path, *, rejections: Rejections) -> Dataset:
    """Read `qa.parquet` (`qid`, `query`, `retrieval_gt`) and `corpus.parquet` (`doc_id`, `contents`).

    `retrieval_gt` is a list of lists of ids; each id is a positive, needed with others or instead of them.

    Args:
        folder: The folder.
        rejections: What to do with a label that names an unknown id.

    Returns:
        The dataset, all of it in the split `train`.

    Raises:
        DatasetError: A column is missing, or a label names an unknown id.
    """
    files = autorag_files(folder)
    if files is None:
        raise DatasetError("no qa.parquet and corpus.parquet in this folder", path=folder)
    table = Table(read_parquet(files[0]), files[0], "Parquet")
    missing = [name for name in _NEEDED if name not in table.frame.columns]
    if missing:
        raise DatasetError(f"no column {missing[0]!r}; it has: {', '.join(table.frame.columns)}", path=files[0])
    pool = pool_of(Table(read_parquet(files[1]), files[1], "Parquet"), rejections=rejections)
    frame = table.frame.with_row_index(ROW)
    ids = frame.select(ROW, doc_id="retrieval_gt")
    while isinstance(ids.schema["doc_id"], pl.List):
        ids = ids.filter(pl.col("doc_id").list.len() > 0).explode("doc_id")
    nothing = pl.lit(None, pl.String)
    labels = ids.select(
        ROW, doc_id=as_ids(ids["doc_id"], path=files[0]), title=nothing, text=nothing, relevance=pl.lit(1)
    ).cast(LABELS)  # type: ignore[arg-type]
    queries = frame.select(
        ROW, query_id=as_ids(frame["qid"], path=files[0]), query=pl.col("query").cast(pl.String), split=pl.lit("train")
    )
    rest = [name for name in table.frame.columns if name not in _NEEDED]
    fields = [("query", "'query'"), ("id of queries", "'qid'"), ("positive", "'retrieval_gt' (ids, each a positive)")]
    fields += [("metadata of queries", ", ".join(map(repr, rest)))] if rest else []
    fields += [("split", "'train' for all, the layout has none")]
    return records_dataset(
        Records(queries, labels, rest),
        table=table,
        mapping=FieldMapping("AutoRAG's folder", (*fields, *pool.fields)),
        rejections=rejections,
        pool=pool,
        name=folder.resolve().name,
    )
