"""Fitting queries, documents and qrels together after they were read."""

from dataclasses import replace
from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.lines import lines_of_id
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError


def assemble(
    queries: pl.DataFrame,
    documents: pl.DataFrame,
    qrels: list[tuple[Path, pl.DataFrame]],
    *,
    paths: tuple[Path, Path],
    name: str,
    rejections: Rejections,
    mapping: FieldMapping | None = None,
) -> Dataset:
    """Merge repeated records, refuse rows that name unknown ids, and build the dataset."""
    queries_path, documents_path = paths
    for table, path, kind in ((queries, queries_path, "queries"), (documents, documents_path, "documents")):
        if table.is_empty():
            raise DatasetError(f"no {kind} in it; a dataset needs at least one", path=path)
    queries = merge_repeated(queries, path=queries_path)
    documents = merge_repeated(documents, path=documents_path)
    ids = {"query_id": (queries["id"], queries_path), "doc_id": (documents["id"], documents_path)}
    sound = [_without_unknown(rows, path, known=ids, rejections=rejections) for path, rows in qrels]
    merged = pl.concat([rows.select("query_id", "doc_id", "relevance", "split") for rows in sound])
    if merged.is_empty():
        where = qrels[0][0] if len(qrels) == 1 else qrels[0][0].parent
        raise DatasetError("no usable label in it; a dataset needs at least one qrels row", path=where)
    dataset = Dataset.from_tables(queries, documents, merged.unique(maintain_order=True), name=name)
    return replace(dataset, skipped=dict(rejections.counts), mapping=mapping)


def merge_repeated(table: pl.DataFrame, *, path: Path) -> pl.DataFrame:
    """Keep one of several equal records; refuse an id that has two texts."""
    if table["id"].n_unique() == table.height:
        return table
    content = [column for column in ("id", "title", "text") if column in table.columns]
    merged = table.unique(subset=content, keep="first", maintain_order=True)
    clashing = merged.filter(pl.col("id").is_duplicated())["id"]
    if len(clashing):
        lines = lines_of_id(path, clashing[0])
        raise DatasetError(
            f"id {clashing[0]!r} has different texts{_first_seen(lines)}; give each text its own id",
            path=path,
            line=lines[-1] if lines else None,
        )
    return merged


def _first_seen(lines: list[int]) -> str:
    return f" (first on line {lines[0]})" if lines else ""


def _without_unknown(
    rows: pl.DataFrame, path: Path, *, known: dict[str, tuple[pl.Series, Path]], rejections: Rejections
) -> pl.DataFrame:
    for column, (ids, where) in known.items():
        is_known = rows[column].is_in(ids.implode())
        kind = "query" if column == "query_id" else "document"
        for row in rows.filter(~is_known).iter_rows(named=True):
            rejections.reject(
                "unknown id",
                f"{kind} id {row[column]!r} is not in {where.name}",
                path=path,
                line=row.get("line"),
            )
        rows = rows.filter(is_known)
    return rows
