"""AutoRAG's folder: qa.parquet and corpus.parquet."""

import re
from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.layout import Layout
from hardneg.data.readers.ids import as_ids
from hardneg.data.readers.pool import pool_of
from hardneg.data.readers.rows import ROW, Records, label_rows, records_dataset
from hardneg.data.readers.table import Table, read_parquet
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

_NEEDED = ("qid", "query", "retrieval_gt")
_SPLIT = "\x00split"  # a name that no column of a file has


def is_autorag(folder: Path) -> bool:
    """Tell whether a folder has questions and a corpus."""
    return all(_files(folder, part) for part in ("qa", "corpus"))


def read_autorag(folder: Path, *, layout: Layout, rejections: Rejections) -> Dataset:  # noqa: ARG001 - as every reader
    """Read `qa.parquet` (`qid`, `query`, `retrieval_gt`) and `corpus.parquet` (`doc_id`, `contents`).

    `retrieval_gt` is a list of lists of ids; each id is a positive, needed with others or instead of them.
    """
    questions, corpora = _files(folder, "qa"), _files(folder, "corpus")
    if len(corpora) != 1:
        raise DatasetError(
            f"{len(corpora)} files corpus*.parquet in this folder; leave the one that counts", path=folder
        )
    splits = {path: path.stem.removeprefix("qa").strip("_-. ") or "train" for path in questions}
    place = questions[0] if len(questions) == 1 else folder
    frames = [_questions(path).with_columns(pl.lit(split).alias(_SPLIT)) for path, split in splits.items()]
    table = Table(pl.concat(frames, how="diagonal_relaxed"), place, "Parquet")
    pool = pool_of(Table(read_parquet(corpora[0]), corpora[0], "Parquet"), rejections=rejections)
    frame = table.frame.with_row_index(ROW)
    ids = frame.select(ROW, doc_id="retrieval_gt")
    while isinstance(ids.schema["doc_id"], pl.List):
        ids = ids.filter(pl.col("doc_id").list.len() > 0).explode("doc_id")
    labels = label_rows(ids, 1, doc_id=as_ids(ids["doc_id"], path=place))
    queries = frame.select(
        ROW, query_id=as_ids(frame["qid"], path=place), query=pl.col("query").cast(pl.String), split=_SPLIT
    )
    rest = [name for name in table.frame.columns if name not in (*_NEEDED, _SPLIT)]
    fields = [("query", "'query'"), ("id of queries", "'qid'"), ("positive", "'retrieval_gt' (ids, each a positive)")]
    fields += [("metadata of queries", ", ".join(map(repr, rest)))] if rest else []
    fields += [(f"split {split}", path.name) for path, split in splits.items()]
    return records_dataset(
        Records(queries, labels, rest),
        table=table,
        mapping=FieldMapping("AutoRAG's folder", (*fields, *pool.fields)),
        rejections=rejections,
        pool=pool,
        name=folder.resolve().name,
    )


def _files(folder: Path, part: str) -> list[Path]:
    return sorted(path for path in folder.glob(f"{part}*.parquet") if re.fullmatch(rf"{part}([_\-. ].*)?", path.stem))


def _questions(path: Path) -> pl.DataFrame:
    frame = read_parquet(path)
    missing = [name for name in _NEEDED if name not in frame.columns]
    if missing:
        raise DatasetError(f"no column {missing[0]!r}; it has: {', '.join(frame.columns)}", path=path)
    return frame
