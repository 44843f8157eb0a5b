"""Qrels files: tab-separated query id, document id and relevance."""

from pathlib import Path

import polars as pl

from hardneg.data.lines import raise_encoding_error
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

_HEADER_WORDS = {
    *(
        "query-id",
        "query_id",
        "queryid",
        "qid",
        "query",
        "corpus-id",
        "corpus_id",
        "doc-id",
        "doc_id",
        "docid",
    ),
    *("did", "score", "relevance", "rel", "label"),
}
_INTEGER = r"^[+-]?\d{1,9}$"


def read_qrels(path: Path, *, split: str, rejections: Rejections) -> pl.DataFrame:
    """Read one qrels file in BEIR's layout, with or without a header.

    Args:
        path: The file, plain or gzipped.
        split: Name of the split its rows belong to.
        rejections: What to do with a bad row.

    Returns:
        Columns `query_id`, `doc_id`, `relevance` (int32), `split`, and `line` (uint32, from 1).

    Raises:
        DatasetError: The file is not UTF-8, or a row does not have three fields with an integer at the end.
    """
    try:
        lines = pl.scan_lines(path, name="text").with_row_index("number", offset=1).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise_encoding_error(path)
        raise DatasetError(f"cannot be read: {str(error).splitlines()[0]}", path=path) from error
    rows = lines.select(
        "number",
        field=pl.col("text").str.strip_chars("\r\n\ufeff").str.split("\t"),
    ).filter(pl.col("field").list.join("").str.strip_chars() != "")
    rows = _without_header(rows)
    is_triple = pl.col("field").list.len() == 3
    relevance = pl.when(is_triple).then(pl.col("field").list.get(2, null_on_oob=True).str.strip_chars())
    has_ids = pl.all_horizontal(pl.col("field").list.get(i, null_on_oob=True) != "" for i in (0, 1))
    is_sound = (is_triple & has_ids & relevance.str.contains(_INTEGER)).fill_null(value=False)
    for row in rows.filter(~is_sound).iter_rows(named=True):
        rejections.reject("bad qrels row", _problem(row["field"]), path=path, line=row["number"])
    return rows.filter(is_sound).select(
        query_id=pl.col("field").list.get(0),
        doc_id=pl.col("field").list.get(1),
        relevance=pl.col("field").list.get(2).str.strip_chars().cast(pl.Int32),
        split=pl.lit(split),
        line=pl.col("number"),
    )


def _without_header(rows: pl.DataFrame) -> pl.DataFrame:
    if rows.is_empty() or not _HEADER_WORDS.intersection(word.strip().lower() for word in rows["field"][0]):
        return rows
    last = rows["field"][0][-1].strip()
    return rows if last.lstrip("+-").isdigit() else rows.slice(1)


def _problem(fields: list[str]) -> str:
    if len(fields) != 3:
        n_fields = f"{len(fields)} field" + "s" * (len(fields) != 1)
        return f"{n_fields} where three are needed: query id, document id, relevance, separated by tabs"
    if "" in fields[:2]:
        return "empty id; a qrels row needs a query id and a document id"
    return f"relevance {fields[2]!r} is no integer; above 0 means relevant, 0 judged not relevant"
