"""Three tables as distillation sets are published: queries, documents, and who was scored for whom."""

import ast
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.layout import NOTHING_SAID, Layout
from hardneg.data.readers.ids import as_ids
from hardneg.data.readers.table import SUFFIXES, Table, read_table
from hardneg.data.readers.texts import texts_of_table
from hardneg.data.rejections import Rejections
from hardneg.data.tables import assemble
from hardneg.errors import DatasetError

# What each table may be called.
NAMES = {"queries": ("queries", "query"), "documents": ("documents", "document"), "scores": ("scores", "train")}
PAIRS = {"query_id": pl.String, "doc_id": pl.String, "score": pl.Float32}


def is_scored_tables(folder: Path) -> bool:
    """Tell whether a folder has the three tables, as files or as folders of files, and no labels beside them."""
    if any(folder.glob("qrels*")):
        return False
    return all(_files(folder, part) for part in NAMES) and "document_ids" in scored_frame(folder).columns


def scored_frame(folder: Path) -> pl.DataFrame:
    """Read the table of scores."""
    return _frame(folder, "scores", Rejections(skip=False))


def read_scored_tables(folder: Path, *, layout: Layout, rejections: Rejections) -> Dataset:  # noqa: ARG001 - as every reader
    """Read the three tables; the first document of each list answers its query, the others were judged not to."""
    frames = {part: _frame(folder, part, rejections) for part in NAMES}
    return scored_dataset(frames, path=folder, name=folder.resolve().name, rejections=rejections)


def scored_dataset(frames: Mapping[str, pl.DataFrame], *, path: Path, name: str, rejections: Rejections) -> Dataset:
    """Build a dataset of the three tables."""
    asked = texts_of_table(Table(frames["queries"], path / "queries", "table"), rejections=rejections, has_title=False)
    texts = texts_of_table(Table(frames["documents"], path / "documents", "table"), rejections=rejections)
    pairs = pairs_of(frames["scores"], path=path)
    first = pl.int_range(pl.len()).over("query_id", "row") == 0
    qrels = pairs.select("query_id", "doc_id", relevance=first.cast(pl.Int32), split=pl.lit("train"))
    # A document that answers in one row is an answer in all.
    qrels = qrels.sort("relevance", descending=True, maintain_order=True).unique(
        ["query_id", "doc_id"], keep="first", maintain_order=True
    )
    fields = (("queries", asked.about), ("documents", texts.about), ("positive", "the first of 'document_ids'"))
    return assemble(
        asked.table.drop("title", strict=False),
        texts.table,
        [(path, qrels)],
        paths=(path / "queries", path / "documents"),
        name=name,
        rejections=rejections,
        mapping=FieldMapping("three tables with scores (PyLate, teraflop)", fields, ("scores (a teacher's)",)),
    )


def pairs_of(frame: pl.DataFrame, *, path: Path) -> pl.DataFrame:
    """List (query, document, score), a row each, in the order of the lists; `row` is that of the table."""
    lacking = [name for name in ("query_id", "document_ids", "scores") if name not in frame.columns]
    if lacking:
        raise DatasetError(
            f"no column {lacking[0]!r} in the table of scores; it has: {', '.join(frame.columns)}", path=path
        )
    documents, scores = (_lists(frame[name], path) for name in ("document_ids", "scores"))
    uneven = (documents.list.len() != scores.list.len()).arg_true()
    if len(uneven):
        row = int(uneven[0])
        raise DatasetError(
            f"row {row + 1} of the table of scores has {documents.list.len()[row]} documents and "
            f"{scores.list.len()[row]} scores; each document needs its own",
            path=path,
        )
    table = pl.DataFrame([as_ids(frame["query_id"], path=path).alias("query_id"), documents, scores])
    flat = table.with_row_index("row").explode("document_ids", "scores").drop_nulls("document_ids")
    ids = as_ids(flat["document_ids"], path=path).alias("doc_id")
    return flat.select("row", "query_id", ids, score=pl.col("scores").cast(pl.Float32))


def _lists(values: pl.Series, path: Path) -> pl.Series:
    """Give lists; some are published as their text."""
    if values.dtype != pl.String:
        return values
    try:
        return pl.Series(values.name, [ast.literal_eval(each) for each in values])
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise DatasetError(f"column {values.name!r} holds texts that are no lists; write lists", path=path) from error


def _frame(folder: Path, part: str, rejections: Rejections) -> pl.DataFrame:
    frames = [read_table(file, layout=NOTHING_SAID, rejections=rejections).frame for file in _files(folder, part)]
    return pl.concat(frames, how="diagonal_relaxed")


def _files(folder: Path, part: str) -> list[Path]:
    for name in NAMES[part]:
        files = [folder / f"{name}{suffix}" for suffix in SUFFIXES if (folder / f"{name}{suffix}").is_file()]
        if (folder / name).is_dir():
            files = sorted(each for each in (folder / name).iterdir() if each.name.endswith(SUFFIXES))
        if files:
            return files
    return []
