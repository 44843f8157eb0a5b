"""Our own folder: queries.parquet, documents.parquet, qrels.parquet."""

from pathlib import Path

import polars as pl

from hardneg.checksums import checked
from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.layout import NOTHING_SAID, Layout
from hardneg.data.qrels import qrels_of_table
from hardneg.data.readers.ids import as_ids
from hardneg.data.readers.table import read_parquet
from hardneg.data.rejections import Rejections
from hardneg.data.tables import assemble
from hardneg.errors import DatasetError


def is_parquet_folder(folder: Path) -> bool:
    """Tell whether a folder looks like one that `Dataset.write` made."""
    return (folder / "documents.parquet").is_file() or (folder / "queries.parquet").is_file()


def read_parquet_folder(folder: Path, *, rejections: Rejections, layout: Layout = NOTHING_SAID) -> Dataset:
    """Read a folder of our own Parquet files."""
    paths = {kind: folder / f"{kind}.parquet" for kind in ("queries", "documents", "qrels")}
    tables = {kind: read_parquet(checked(path)) for kind, path in paths.items()}
    qrels = qrels_of_table(tables["qrels"], layout=layout, path=paths["qrels"], rejections=rejections, split=None)
    texts = {kind: identified(tables[kind], path=paths[kind]) for kind in ("queries", "documents")}
    fields = [(f"id and text of {kind}", f"{paths[kind].name}: 'id', 'text'") for kind in texts]
    fields += [("relevance", f"qrels.parquet: {qrels.about}")]
    fields += [
        (f"metadata of {kind}", ", ".join(repr(name) for name in table.columns if name not in ("id", "text")))
        for kind, table in texts.items()
        if table.width > 2
    ]
    return assemble(
        texts["queries"],
        texts["documents"],
        [(paths["qrels"], qrels.rows)],
        paths=(paths["queries"], paths["documents"]),
        name=folder.resolve().name,
        rejections=rejections,
        mapping=FieldMapping(
            "hardneg's own folder", tuple(fields), tuple(f"qrels.parquet: {each}" for each in qrels.ignored)
        ),
    )


def identified(table: pl.DataFrame, *, path: Path) -> pl.DataFrame:
    """Bring `id` and `text` to texts."""
    for column in ("id", "text"):
        if column not in table.columns:
            raise DatasetError(f"no column {column!r}; it has: {', '.join(table.columns)}", path=path)
    if table.schema["text"].is_nested():
        raise DatasetError(f"column 'text' holds {table.schema['text']}, not texts", path=path)
    table = table.with_columns(as_ids(table["id"], path=path), pl.col("text").cast(pl.String))
    for column in ("id", "text"):
        empty = table[column].is_null()
        if empty.any():
            raise DatasetError(f"column {column!r} is null in row {(empty.arg_max() or 0) + 1}", path=path)
    return table
