"""Files of queries or documents with their ids, whatever they are stored as."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hardneg.data.delimited import SEPARATORS
from hardneg.data.headers import Columns, counted_fields, looked_for, plain_name
from hardneg.data.layout import Layout
from hardneg.data.lines import numbered_lines
from hardneg.data.metadata import settled
from hardneg.data.readers.ids import as_ids
from hardneg.data.readers.table import Table, read_table
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

_IDS = (("id", "docid", "documentid", "queryid", "qid", "pid", "passageid", "corpusid", "docno", "topicid", "psgid"),)
_TEXTS = (
    ("text", "contents", "content", "querytext", "documenttext", "passagetext"),
    ("query", "question", "document", "doc", "passage", "body", "topic"),
)
_TITLES = (("title",),)
KNOWN = frozenset(name for tiers in (_IDS, _TEXTS, _TITLES) for tier in tiers for name in tier)


@dataclass(frozen=True)
class TextTable:
    """Queries or documents of one or more files."""

    table: pl.DataFrame  # columns `id`, `text`, perhaps `title`, and metadata
    about: str  # which column became what, for people


def read_texts(paths: Sequence[Path], *, rejections: Rejections, has_title: bool = True) -> TextTable:
    """Read files of texts with ids: JSON Lines, Parquet, or text in columns (id, text) or (id, title, text)."""
    read = [_read(path, rejections=rejections, has_title=has_title) for path in paths]
    return TextTable(pl.concat([each.table for each in read], how="diagonal_relaxed"), read[0].about)


def texts_of_table(table: Table, *, rejections: Rejections, has_title: bool = True) -> TextTable:
    """Take ids, texts and titles of a table by the names of its columns; see `read_texts`."""
    frame, path = table.frame, table.place
    columns = Columns(frame.columns, path)
    key = columns.common(_IDS, option="ignore")
    text = columns.common(_TEXTS, option="ignore")
    title = columns.common(_TITLES, option="ignore") if has_title else None
    for role, column, tiers in (("id", key, _IDS), ("text", text, _TEXTS)):
        if column is None:
            raise DatasetError(
                f"no column for the {role} (tried {looked_for(tiers)}); it has: {', '.join(frame.columns)}", path=path
            )
    if frame.schema[str(text)].is_nested():
        raise DatasetError(f"column {text!r} holds {frame.schema[str(text)]}, not texts", path=path)
    rest = [name for name in columns.rest if name != "title" or has_title]
    taken = {"id", "text", "title"}
    result = frame.select(
        id=as_ids(frame[str(key)], path=path),
        text=pl.col(str(text)).cast(pl.String),
        **({"title": pl.col(title).cast(pl.String)} if title else {}),
    ).hstack(frame.select(pl.col(name).alias(f"metadata.{name}" if name in taken else name) for name in rest))
    lacking = result["id"].is_null() | result["text"].is_null()
    for row in lacking.arg_true():
        missing = key if result["id"][row] is None else text
        place = f" (row {row + 1})" if table.line_of(row) is None else ""
        table.reject(rejections, "no id or text", f"no {missing!r}{place}; every record needs one", row)
    result = settled(result.filter(~lacking))
    if title and (result["title"].fill_null("") == "").all():
        result = result.drop("title")
    parts = [f"id {key!r}", *([f"title {title!r}"] if title else []), f"text {text!r}"]
    header = " (without header)" if table.kind.endswith("without header") else ""
    return TextTable(
        result,
        f"{path.name}{header}: {', '.join(parts)}" + (f"; metadata {', '.join(map(repr, rest))}" if rest else ""),
    )


def _read(path: Path, *, rejections: Rejections, has_title: bool) -> TextTable:
    is_text = any(each in path.suffixes for each in (".tsv", ".csv", ".txt"))
    layout = Layout(no_header=is_text and not has_header(path))
    names = default_names if has_title else _query_names
    table = read_table(path, layout=layout, rejections=rejections, known=KNOWN, default_names=names)
    return texts_of_table(table, rejections=rejections, has_title=has_title)


def default_names(n: int) -> list[str]:
    """Name the columns of a text file of ids and texts that has no header."""
    names = {2: ["id", "text"], 3: ["id", "title", "text"], 4: ["id", "url", "title", "text"]}.get(n)
    if names is None:
        raise DatasetError(
            f"{counted_fields(n)} where two are needed (id, text), three (id, title, text) or four (id, url, title, "
            "text), or a header that names the columns"
        )
    return names


def has_header(path: Path) -> bool:
    """Tell whether the first line of a text file names columns: that of the id first, and another that is known."""
    first = next((line for _, _, line in numbered_lines(path)), b"").decode("utf-8", "replace").strip("\r\n")
    rows = ([plain_name(field.strip('"')) for field in first.split(separator)] for separator in SEPARATORS)
    return any(fields[0] in KNOWN and any(field in KNOWN for field in fields[1:]) for fields in rows)


def _query_names(n: int) -> list[str]:
    if n != 2:
        raise DatasetError(
            f"{counted_fields(n)} where a file of queries without header has two (id, text); leave the others out"
        )
    return default_names(n)
