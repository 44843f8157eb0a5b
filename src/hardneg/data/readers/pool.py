"""Documents in a file of their own, beside the pairs that name or repeat some of them."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hardneg.data.headers import Columns, looked_for
from hardneg.data.layout import Layout
from hardneg.data.lines import encoding_problem, numbered_lines
from hardneg.data.readers.ids import as_ids, content_ids
from hardneg.data.readers.table import Table, is_table_file, read_table
from hardneg.data.readers.texts import default_names, has_header
from hardneg.data.rejections import Rejections
from hardneg.data.tables import merge_repeated
from hardneg.errors import DatasetError

IDS = (("id", "docid", "documentid", "pid", "passageid", "corpusid", "docno"),)
TEXTS = (("text", "contents", "content", "documenttext", "passagetext"), ("document", "doc", "passage", "body", "code"))
TITLES = (("title", "documenttitle", "passagetitle"),)
_KNOWN = frozenset(name for tiers in (IDS, TEXTS, TITLES) for tier in tiers for name in tier)


@dataclass(frozen=True)
class DocumentPool:
    """Documents of a file."""

    documents: pl.DataFrame  # id, title, text, shown (what models see of it) and any metadata
    place: Path
    fields: tuple[tuple[str, str], ...]


def read_pool(path: Path, *, rejections: Rejections) -> DocumentPool:
    """Read a file of documents: records with a text, perhaps an id and a title, or plain text with one a line.

    A TSV file without header has ids and texts, as MS MARCO's collection, or ids, titles and texts.
    """
    if not path.is_file():
        raise DatasetError("no such file; name a file of documents with --documents", path=path)
    if path.name.endswith((".txt", ".txt.gz")):
        return _plain(path)
    if not is_table_file(path):
        raise DatasetError("not a file of documents; give JSON Lines, CSV, TSV, Parquet or .txt", path=path)
    layout = Layout(no_header=".tsv" in path.suffixes and not has_header(path))
    table = read_table(path, layout=layout, rejections=rejections, known=_KNOWN, default_names=default_names)
    return pool_of(table, rejections=rejections)


def pool_of(table: Table, *, rejections: Rejections) -> DocumentPool:
    """Make a pool of a table of documents."""
    frame, path = table.frame, table.place
    if frame.is_empty():
        raise DatasetError("no documents in it", path=path)
    columns = Columns(frame.columns, path)
    text = columns.common(TEXTS, option="documents")
    if text is None:
        raise DatasetError(
            f"no column with the text of documents (tried {looked_for(TEXTS)}); it has: {', '.join(frame.columns)}",
            path=path,
        )
    title, key = columns.common(TITLES, option="documents"), columns.common(IDS, option="documents")
    documents = frame.select(
        id=as_ids(frame[key], path=path) if key else pl.lit(None, pl.String),
        title=pl.col(title).cast(pl.String).fill_null("") if title else pl.lit(""),
        text=pl.col(text).cast(pl.String).fill_null(""),
    ).with_columns(shown=pl.concat_str("title", "text", separator=" ").str.strip_chars())
    documents = documents.hstack(frame.select(name for name in columns.rest if name not in ("title", "text", "id")))
    blank = documents["shown"] == ""
    nameless = documents["id"].is_null() if key else pl.repeat(value=False, n=frame.height, eager=True)
    for row in (blank | nameless).arg_true():
        kind, problem = ("empty document", "a document without text") if blank[row] else ("no id", f"no {key!r}")
        table.reject(rejections, kind, f"{problem} (row {row + 1})", row)
    documents = documents.filter(~(blank | nameless))
    if key is None:
        documents = documents.unique("shown", keep="first", maintain_order=True)
        documents = documents.with_columns(id=content_ids(documents["shown"], prefix="d"))
    fields = [("text of documents", f"{path.name}: {text!r}")]
    fields += [("title of documents", f"{path.name}: {title!r}")] if title else []
    fields += [("id of documents", f"{path.name}: {key!r}" if key else "hash of the text")]
    return DocumentPool(merge_repeated(documents, path=path), path, tuple(fields))


def _plain(path: Path) -> DocumentPool:
    texts = []
    for number, offset, line in numbered_lines(path):
        if problem := encoding_problem(line, offset):
            raise DatasetError(problem, path=path, line=number)
        texts.append(line.decode().strip())
    if not texts:
        raise DatasetError("no documents in it", path=path)
    shown = pl.Series("text", texts).unique(maintain_order=True)
    documents = pl.DataFrame({"id": content_ids(shown, prefix="d"), "title": "", "text": shown, "shown": shown})
    fields = (("text of documents", f"{path.name}: its lines"), ("id of documents", "hash of the text"))
    return DocumentPool(documents, path, fields)
