"""Columns beside pairs that may matter, but have no name that says so: they are refused until the user says."""

import re

import polars as pl

from hardneg.data.headers import Columns, plain_name
from hardneg.data.readers.table import Table

_LABEL_LIKE = re.compile(
    r"label|relev|score|grade|rating|judg|duplic|click|similar|match|correct|verdict|quality|confidence|helpful|vote"
    r"|^is[a-z]|^(target|gold|class|rank|stars?|weight|y)$"
)
_NEGATIVE_LIKE = re.compile(r"neg(ative)?s?$|^neg(ative)?s?[^aeiou]|reject|incorrect|wrong|distract|irrelevant")
_TRUTH = (
    *("0", "1", "-1", "true", "false", "yes", "no", "y", "n", "t", "f", "relevant", "irrelevant", "not relevant"),
    *("nonrelevant", "non-relevant", "not_relevant", "positive", "negative", "pos", "neg", "correct", "incorrect"),
    *("good", "bad", "match", "mismatch", "ja", "nein", "oui", "non", "si", "sí"),
)
_SPLIT_NAMES = ("train", "training", "dev", "valid", "validation", "val", "eval", "test", "testing", "heldout")
_ROW_NUMBER = re.compile(r"((?i:idx|index|unnamed: ?\d+|id|.*[_ -]idx?)|.*[a-z]Id)$")
_FEW = 6


def refuse_doubtful(columns: Columns, table: Table, *, negatives_are_said: bool) -> None:
    """Refuse a column without a role that may be a label, a split, negatives or passages."""
    documents = {name for name in columns.taken if isinstance(table.frame.schema[name], pl.List)}
    for name in columns.rest:
        values = table.frame[name]
        if _holds_documents(values.dtype):
            raise table.error(
                f"the column {name!r} beside the pairs holds objects with texts or judgements of their own, which are "
                f"not read; turn them into columns or lists of texts, or say --ignore {name}"
            )
        if not negatives_are_said and _NEGATIVE_LIKE.search(plain_name(name)) and _are_words(values):
            raise table.error(
                f"the column {name!r} beside the pairs may hold texts that do not answer; say --negative {name} (and "
                f"each other such column with it) if so, or --ignore {name}"
            )
        if isinstance(values.dtype, pl.List) and not (documents and _is_truth(values.explode(), name)):
            continue
        values = values.explode() if isinstance(values.dtype, pl.List) else values
        if values.dtype.is_nested():
            continue
        if splits := _is_split(values):
            raise table.error(
                f"the column {name!r} beside the pairs names splits ({splits}); say --split-column "
                f"{name} if so, or --ignore {name}"
            )
        if _is_truth(values, name) or _is_grade(values, name):
            text = values.drop_nulls().cast(pl.String).str.strip_chars()
            raise table.error(
                f"the column {name!r} beside the pairs may say which of them are answers (it holds "
                f"{', '.join(text.unique().sort().head(4))}{' …' if text.n_unique() > 4 else ''}); say --label {name} "
                f"if so, or --ignore {name}"
            )


def refuse_numbers(table: Table, positive: str, negatives: list[str]) -> None:
    """Refuse negatives that are numbers where the positives are texts: they are labels or ids."""

    def numbers(name: str) -> bool:
        values = table.frame[name]
        flat = values.explode() if isinstance(values.dtype, pl.List) else values
        return not flat.dtype.is_nested() and _are_numbers(_plain_values(flat).filter(_plain_values(flat) != ""))

    for name in negatives:
        if numbers(name) and not numbers(positive):
            raise table.error(
                f"the column {name!r} would be texts that do not answer, but holds numbers; if they are labels or ids, "
                "name the columns, as in --columns query,document,label (with --no-header if the first line is data), "
                f"or say --ignore {name}"
            )


def _holds_documents(kind: pl.DataType) -> bool:
    """Tell whether values are objects, or lists of them, that hold texts or judgements."""
    inner = kind.inner if isinstance(kind, pl.List) else kind
    names = {plain_name(each.name) for each in inner.fields} if isinstance(inner, pl.Struct) else set()
    return bool(names & {"hasanswer", "isselected", "passagetext"}) or (
        isinstance(kind, pl.List) and bool(names & {"text", "contents", "content", "passage", "document"})
    )


def _are_words(values: pl.Series) -> bool:
    """Tell whether values are texts, or lists of texts, and no numbers."""
    flat = values.explode() if isinstance(values.dtype, pl.List) else values
    return flat.dtype == pl.String and len(flat.drop_nulls()) > 0 and not _are_numbers(flat.drop_nulls())


def _plain_values(values: pl.Series) -> pl.Series:
    return values.drop_nulls().cast(pl.String).str.strip_chars().str.to_lowercase()


def _is_split(values: pl.Series) -> str:
    """List the splits that a column names; nothing where it holds other values, or one alone."""
    names = _plain_values(values).unique().sort()
    return ", ".join(names) if len(names) > 1 and bool(names.is_in(_SPLIT_NAMES).all()) else ""


def _is_truth(values: pl.Series, name: str) -> bool:
    """Tell whether values are yes and no in one way or another; row numbers begin with 0 and 1 too."""
    if values.dtype.is_nested():
        return False
    text = _plain_values(values)
    is_row_number = _ROW_NUMBER.match(name) is not None and text.n_unique() == len(text)
    return len(text) > 0 and bool(text.is_in(_TRUTH).all()) and text.n_unique() > 1 and not is_row_number


def _is_grade(values: pl.Series, name: str) -> bool:
    """Tell whether a column is named like a label and holds numbers, or a few words again and again."""
    text = _plain_values(values)
    if not _LABEL_LIKE.search(plain_name(name)) or not len(text):
        return False
    if values.dtype == pl.Boolean or _are_numbers(text):
        return True
    is_word_of_its_own = not plain_name(name).startswith("is") or re.match(r"(?i:is)[\s_-]|is[A-Z]", name)
    return bool(is_word_of_its_own) and text.n_unique() <= _FEW and _are_short(text)


def _are_short(text: pl.Series) -> bool:
    return int(text.str.len_chars().max() or 0) <= 20  # type: ignore[arg-type]


def _are_numbers(text: pl.Series) -> bool:
    return len(text) > 0 and bool(text.str.contains(r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$").all())
