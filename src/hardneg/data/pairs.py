"""Pairs and triples: a query, a text that answers it, and texts that do not."""

import re
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.pairs_files import SUFFIXES, line_of_row, read_table
from hardneg.data.pairs_values import check_values
from hardneg.data.rejections import Rejections
from hardneg.data.tables import assemble
from hardneg.errors import DatasetError

__all__ = ["SUFFIXES", "PairColumns", "is_pairs_file", "pairs_dataset", "read_pairs"]

_QUERY = ("query", "anchor", "question", "query_text", "sentence1", "prompt")
_POSITIVE = (
    "positive",
    "positives",
    "pos",
    "document",
    "answer",
    "passage",
    "positive_text",
    "sentence2",
    "text",
)
_NEGATIVE = re.compile(r"(hard_)?(neg|negative)s?(_text)?([_-]?\d+)?", re.IGNORECASE)
_ROW = "\x00row"  # a name that no column of a file has
_SLICE = 65_536


@dataclass(frozen=True)
class PairColumns:
    """Which column holds what; None means to look for a common name.

    Args:
        query: Text of the query ("query", "anchor", "question", …).
        positive: Text, or list of texts, that answers it ("positive", "pos", "document", "answer", …).
        negative: Text or texts judged not to answer it; by default every "negative", "negative_1", "neg", ….
    """

    query: str | None = None
    positive: str | None = None
    negative: str | None = None


def is_pairs_file(path: Path) -> bool:
    """Tell by its name whether a file may hold pairs."""
    return path.is_file() and path.name.endswith(SUFFIXES)


def read_pairs(path: str | Path, *, columns: PairColumns = PairColumns(), rejections: Rejections) -> Dataset:
    """Read a file of pairs or triples.

    Ids are hashes of the texts, so equal query texts become one query with all their positives, and equal
    document texts one document. A triple's negative becomes a label with relevance 0. A column `split` names
    the split of each row ("train" without it); further columns become metadata of the query, from its first
    row.

    Args:
        path: JSON Lines, CSV, TSV (without quoting) or Parquet; the text formats may be gzipped.
        columns: Which column holds what.
        rejections: What to do with a row that lacks a query or a positive.

    Returns:
        The dataset, named like the file.

    Raises:
        DatasetError: There is no such file or column, a column holds something else than texts, or a row is
            unusable and not to be skipped.
    """
    place = Path(path)
    if not is_pairs_file(place):
        raise DatasetError(f"no such file of pairs; expected one of {', '.join(SUFFIXES)}", path=place)
    table = read_table(place, rejections=rejections)
    return pairs_dataset(table, columns=columns, path=place, name=place.name.split(".")[0], rejections=rejections)


def pairs_dataset(
    table: pl.DataFrame, *, columns: PairColumns, path: Path, name: str, rejections: Rejections
) -> Dataset:
    """Build a dataset from a table of pairs or triples; see `read_pairs`."""
    if table.is_empty():
        raise DatasetError("no pairs in it", path=path)
    query = _find(columns.query, _QUERY, table, path=path, option="query")
    positive = _find(columns.positive, _POSITIVE, table, path=path, option="positive", but=query)
    negatives = _negatives(columns.negative, table, path=path)
    check_values(table, texts=(query,), lists=(positive, *negatives), path=path)
    if "split" in table.columns:
        check_values(table, texts=("split",), lists=(), path=path)
    else:
        table = table.with_columns(split=pl.lit("train"))
    table = table.with_row_index(_ROW).with_columns(
        pl.col("split").cast(pl.String).replace("", None).fill_null("train")
    )
    rows = pl.concat(
        [
            _texts(table, query, positive, relevance=1),
            *(_texts(table, query, name, relevance=0) for name in negatives),
        ]
    ).sort(_ROW, maintain_order=True)
    table, rows = _without_incomplete(table, rows, query=query, path=path, rejections=rejections)
    queries = _with_ids(rows["query"], prefix="q")
    documents = _with_ids(rows["text"], prefix="d")
    qrels = rows.join(queries.rename({"id": "query_id", "text": "query"}), on="query", maintain_order="left").join(
        documents.rename({"id": "doc_id"}), on="text", maintain_order="left"
    )
    used = {_ROW, "split", "id", "text", query, positive, *negatives}
    extra = [column for column in table.columns if column not in used]
    metadata = table.select(pl.col(query).alias("text"), *extra).unique("text", keep="first", maintain_order=True)
    return assemble(
        queries.join(metadata, on="text", how="left", maintain_order="left"),
        documents,
        [(path, qrels.select("query_id", "doc_id", "relevance", "split"))],
        paths=(path, path),
        name=name,
        rejections=rejections,
    )


def content_ids(texts: pl.Series, *, prefix: str) -> pl.Series:
    """Give each text an id that depends on it alone: a prefix and 16 hexadecimal digits (BLAKE2b-64)."""
    parts = [
        pl.Series([prefix + blake2b(text.encode(), digest_size=8).hexdigest() for text in texts.slice(start, _SLICE)])
        for start in range(0, len(texts), _SLICE)
    ]
    return pl.concat(parts) if parts else pl.Series(dtype=pl.String)


def _with_ids(texts: pl.Series, *, prefix: str) -> pl.DataFrame:
    unique = texts.unique(maintain_order=True)
    return pl.DataFrame({"id": content_ids(unique, prefix=prefix), "text": unique})


def _texts(table: pl.DataFrame, query: str, column: str, *, relevance: int) -> pl.DataFrame:
    """List the texts of one column, one a row; empty ones are left out."""
    is_list = isinstance(table.schema[column], pl.List)
    rows = table.select(
        _ROW,
        "split",
        query=pl.col(query).cast(pl.String),
        text=pl.col(column) if is_list else pl.col(column).cast(pl.String),
        relevance=pl.lit(relevance, dtype=pl.Int32),
    )
    if is_list:
        rows = rows.explode("text").with_columns(pl.col("text").cast(pl.String))
    return rows.filter(pl.col("text").str.strip_chars() != "")


def _without_incomplete(
    table: pl.DataFrame, rows: pl.DataFrame, *, query: str, path: Path, rejections: Rejections
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Refuse the rows of the file that have no query or no positive."""
    table = table.with_columns(pl.col(query).cast(pl.String))
    has_query = pl.col(query).str.strip_chars().fill_null("") != ""
    has_positive = pl.col(_ROW).is_in(rows.filter(pl.col("relevance") > 0)[_ROW].unique().implode())
    for row, with_query in table.filter(~(has_query & has_positive)).select(_ROW, has_query).iter_rows():
        problem = "a query without positives" if with_query else "no query text"
        line = None if rejections.counts else line_of_row(path, row)
        rejections.reject("incomplete pair", f"{problem} (row {row + 1})", path=path, line=line)
    table = table.filter(has_query & has_positive)
    if table.is_empty():
        raise DatasetError("no row has both a query and a positive", path=path)
    return table, rows.filter(pl.col(_ROW).is_in(table[_ROW].implode()))


def _find(
    given: str | None, common: tuple[str, ...], table: pl.DataFrame, *, path: Path, option: str, but: str = ""
) -> str:
    wanted = (given,) if given is not None else common
    found = [name for name in wanted if name in table.columns and name != but]
    if found:
        return found[0]
    looked_for = f"{given!r}" if given is not None else f"for the {option} (tried {', '.join(common)})"
    raise DatasetError(
        f"no column {looked_for}; it has: {', '.join(table.columns)}; name it with --{option}", path=path
    )


def _negatives(given: str | None, table: pl.DataFrame, *, path: Path) -> list[str]:
    if given is not None:
        return [_find(given, (), table, path=path, option="negative")]
    return [column for column in table.columns if _NEGATIVE.fullmatch(column)]
