"""Qrels: which document answers which query, from text files and from tables."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hardneg.data.delimited import BLANKS, named_separator, split_lines, text_lines
from hardneg.data.headers import counted_fields, looks_like_data, plain_name, refuse_replaced
from hardneg.data.layout import NOTHING_SAID, Layout
from hardneg.data.lines import raise_encoding_error, read_bytes
from hardneg.data.readers.ids import as_ids
from hardneg.data.rejections import Rejections
from hardneg.data.relevance import describe, read_grades
from hardneg.errors import DatasetError

_QUERY = ("queryid", "qid", "query", "topicid", "topic")
_DOCUMENT = ("corpusid", "docid", "documentid", "pid", "passageid", "did", "docno", "doc", "document", "itemid")
_RELEVANCE = ("score", "relevance", "rel", "label", "grade", "judgment", "judgement", "isrelevant")
_PASSED = ("iter", "iteration", "q0", "zero", "0", "")  # TREC's second column
_ROLES = {"query_id": _QUERY, "doc_id": _DOCUMENT, "relevance": _RELEVANCE}
_OPTIONS = "--columns query-id,corpus-id,score names the columns in order"


@dataclass(frozen=True)
class Qrels:
    """What was read of one file or table."""

    rows: pl.DataFrame  # query_id, doc_id, relevance (int32), split and line (null where there are no lines)
    about: str  # which column became what, for people
    ignored: tuple[str, ...] = ()


def read_qrels(path: Path, *, split: str, rejections: Rejections, layout: Layout = NOTHING_SAID) -> Qrels:
    """Read a text file of qrels.

    With a header, columns are found by their names, in any order. Without, three columns are query, document and
    relevance (BEIR), four have TREC's iteration between query and document. Tabs, runs of blanks, commas or semicolons
    separate, as in the first line.
    """
    try:
        lines = text_lines(read_bytes(path).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise_encoding_error(path)
        raise
    lines = lines.filter(pl.col("text").str.strip_chars() != "")
    if lines.is_empty():
        return Qrels(_empty(), "nothing in it")
    first = str(lines["text"][0])
    separator = layout.separator or _separator(first)
    fields = split_lines(separator)
    if separator not in ("\t", BLANKS):
        fields = fields.list.eval(pl.element().str.strip_chars('" '))
    rows = lines.select("line", field=fields)
    names, has_header = _names(rows, layout, path=path)
    rows = rows.slice(1) if has_header else rows
    places = _places(names, path=path, line=int(lines["line"][0]))
    rows = _sound(rows, len(names), separator, path=path, rejections=rejections, has_header=has_header)
    table = rows.select("line", *(pl.col("field").list.get(place).alias(role) for role, place in places.items()))
    about = f"{'header: ' if has_header else 'columns '}{', '.join(name or '-' for name in names)}"
    ignored = [
        name for number, name in enumerate(names) if number not in places.values() and plain_name(name) not in _PASSED
    ]
    return _graded(table, layout, split=pl.lit(split), path=path, rejections=rejections, about=about, ignored=ignored)


def qrels_of_table(
    frame: pl.DataFrame,
    *,
    layout: Layout,
    path: Path,
    rejections: Rejections,
    split: str | None,
    line_of: Callable[[int], int | None] = lambda _: None,
) -> Qrels:
    """Read a table of qrels; its columns are found by their names."""
    places = _places(list(frame.columns), path=path, line=None)
    names = {role: frame.columns[place] for role, place in places.items()}
    column = next(
        (name for name in frame.columns if plain_name(name) == plain_name(layout.split_column or "split")), None
    )
    if layout.split_column and column is None:
        raise DatasetError(f"no column {layout.split_column!r}; it has: {', '.join(frame.columns)}", path=path)
    if split is None and column is not None and frame[column].null_count():
        row = int(frame[column].is_null().arg_max() or 0)
        raise DatasetError(f"column {column!r} is null in row {row + 1}; name a split in every row", path=path)
    owned = column is not None and split is None
    table = frame.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
        query_id=as_ids(frame[names["query_id"]], path=path),
        doc_id=as_ids(frame[names["doc_id"]], path=path),
        relevance=frame[names["relevance"]],
        **({"given_split": pl.col(str(column)).cast(pl.String)} if owned else {}),
    ).with_columns(line=pl.lit(None, pl.UInt32))
    used = {*names.values(), *([column] if owned else [])}
    shown = [f"{name!r}" for name in names.values()]
    about = ", ".join(shown) + (f", split {column!r}" if owned else "")
    ignored = [name for name in frame.columns if name not in used]
    label = pl.col("given_split") if owned else pl.lit(split or "train")
    return _graded(
        table, layout, split=label, path=path, rejections=rejections, about=about, ignored=ignored, line_of=line_of
    )


def _graded(
    table: pl.DataFrame,
    layout: Layout,
    *,
    split: pl.Expr,
    path: Path,
    rejections: Rejections,
    about: str,
    ignored: list[str],
    line_of: Callable[[int], int | None] | None = None,
) -> Qrels:
    """Read the relevance, and refuse rows without a grade or an id."""
    grades = read_grades(table["relevance"], layout)
    blank = pl.any_horizontal(
        pl.col(each).is_null() | (pl.col(each).str.strip_chars() == "") for each in ("query_id", "doc_id")
    )
    table = table.with_columns(
        relevance=grades.values,
        problem=pl.when(blank)
        .then(pl.lit("empty id; a qrels row needs a query id and a document id"))
        .otherwise(pl.Series(grades.problems, dtype=pl.String)),
        kind=pl.when(blank).then(pl.lit("empty id")).otherwise(pl.lit("unreadable relevance")),
    )
    for row in table.filter(pl.col("problem").is_not_null()).iter_rows(named=True):
        line, problem = row["line"], row["problem"]
        if line_of is not None:
            line = line_of(row["row"])
            problem = problem if line is not None else f"{problem} (row {row['row'] + 1})"
        rejections.reject(row["kind"], problem, path=path, line=line)
    rows = table.filter(pl.col("problem").is_null()).with_columns(split=split)
    about = f"{about} ({describe(rows['relevance'])})" if rows.height else about
    return Qrels(rows.select("query_id", "doc_id", "relevance", "split", "line"), about, tuple(ignored))


def _empty() -> pl.DataFrame:
    kinds = {"query_id": pl.String, "doc_id": pl.String, "relevance": pl.Int32, "split": pl.String, "line": pl.UInt32}
    return pl.DataFrame(schema=kinds)


def _separator(first: str) -> str:
    """Take the separator that gives the first line three fields or more; tabs before blanks, for ids with blanks."""
    for each in ("\t", ",", ";"):
        if len(first.split(each)) >= 3:
            return each
    return "\t" if "\t" in first and len(first.split()) < 3 else BLANKS


def _names(rows: pl.DataFrame, layout: Layout, *, path: Path) -> tuple[list[str], bool]:
    """Name the columns: as the user says, by the header, or by their number."""
    first, line = rows["field"][0].to_list(), int(rows["line"][0])
    has_header = _is_header(first) and not layout.no_header
    if layout.columns:
        has_header = has_header or (not layout.no_header and _is_strange_header(rows, layout))
        if has_header:
            refuse_replaced(first, layout.columns, path=path, line=line)
        return list(layout.columns), has_header
    if has_header:
        return first, True
    _refuse_strange_header(rows, layout, path=path)
    if len(first) == 4:
        iterations = rows["field"].list.get(1, null_on_oob=True).drop_nulls()
        strange = iterations.filter(~iterations.str.to_lowercase().is_in(["0", "q0"]))
        if strange.is_empty():
            return ["query-id", "0", "corpus-id", "score"], False
        raise DatasetError(
            f"4 fields, but the second is not TREC's 0 in every row (it has {strange[0]!r}); {_OPTIONS}",
            path=path,
            line=line,
        )
    return ["query-id", "corpus-id", "score"], False


def _refuse_strange_header(rows: pl.DataFrame, layout: Layout, *, path: Path) -> None:
    """Refuse a first row that has no grade where the second has one: it is a header with names that nobody knows."""
    last = rows["field"].list.get(-1, null_on_oob=True).head(2)
    problems = read_grades(last, layout).problems
    if len(last) == 2 and problems[0] is not None and problems[1] is None and not layout.no_header:
        shown = ", ".join(rows["field"][0])
        raise DatasetError(
            f"{problems[0]}; if this line is a header ({shown}), its names are not understood: they may be query-id, "
            f"corpus-id, score, and {_OPTIONS}",
            path=path,
            line=int(rows["line"][0]),
        )


def _is_strange_header(rows: pl.DataFrame, layout: Layout) -> bool:
    """Tell a header with names that nobody knows: the columns are named, and only the first relevance is none."""
    places = [number for number, name in enumerate(layout.columns) if plain_name(name) in _RELEVANCE]
    if len(places) != 1 or any(map(looks_like_data, rows["field"][0])):
        return False
    problems = read_grades(rows["field"].list.get(places[0], null_on_oob=True).head(2), layout).problems
    return len(problems) == 2 and problems[0] is not None and problems[1] is None


def _is_header(fields: list[str]) -> bool:
    """Tell a header: a name of a column is in it, and where the relevance stands is no number."""
    names = {plain_name(field) for field in fields}
    column_names = {name for role in _ROLES.values() for name in role}
    return bool(names & column_names) and not re.fullmatch(r"[+-]?\d+(\.\d+)?", fields[-1].strip())


def _places(names: list[str], *, path: Path, line: int | None) -> dict[str, int]:
    """Find the columns by their names."""
    places = {}
    for role, spellings in _ROLES.items():
        columns = [number for number, name in enumerate(names) if plain_name(name) in spellings]
        surest = [number for number in columns if "id" in plain_name(names[number])] or columns
        if len(surest) != 1:
            what = "no" if not surest else "more than one"
            raise DatasetError(
                f"{what} column of the {role.replace('_', ' ')} in {', '.join(names)}; it may be called "
                f"{', '.join(spellings[:6])}, and {_OPTIONS}",
                path=path,
                line=line,
            )
        places[role] = surest[0]
    return places


def _sound(
    rows: pl.DataFrame, n_fields: int, separator: str, *, path: Path, rejections: Rejections, has_header: bool
) -> pl.DataFrame:
    """Refuse rows with another number of fields."""
    is_sound = pl.col("field").list.len() == n_fields
    for line, fields in rows.filter(~is_sound).iter_rows():
        subject = "the header has" if has_header else "the first row has"
        message = (
            f"{counted_fields(len(fields))} where {subject} {n_fields}, separated by {named_separator(separator)}"
            if n_fields not in (3, 4) or len(fields) in (3, 4)
            else _problem(len(fields), fields)
        )
        rejections.reject("wrong number of fields", message, path=path, line=line)
    return rows.filter(is_sound)


def _problem(n_fields: int, fields: list[str]) -> str:
    if n_fields == 6 and fields[1].upper() == "Q0":
        return "6 fields: this is a run, not qrels; name the file of qrels"
    return (
        f"{counted_fields(n_fields)} where three are needed (query id, document id, relevance) or four (TREC: query "
        f"id, 0, document id, relevance), separated by tabs or blanks; {_OPTIONS} of a file that has others"
    )
