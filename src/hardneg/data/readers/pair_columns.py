"""Which column of a table of pairs is what: the query, its answers, what does not answer it, and the label."""

import re
from dataclasses import dataclass

import polars as pl

from hardneg.data.headers import Columns, looked_for, plain_name
from hardneg.data.layout import Layout
from hardneg.data.readers.doubtful_columns import refuse_doubtful, refuse_numbers
from hardneg.data.readers.table import Table
from hardneg.data.relevance import read_grades
from hardneg.errors import DatasetError

QUERY = (
    ("query", "anchor"),
    ("question", "querytext", "queries", "sentence1", "searchquery", "input"),
    ("prompt",),
)
POSITIVE = (
    ("positive", "positives", "pos", "positivetext", "positivedoc", "posdoc", "positivepassage", "positivedocument"),
    ("document", "documents", "passage", "passages", "answer", "answers", "doc", "documenttext", "passagetext",
     "sentence2", "response", "text", "code", "context"),
)  # fmt: skip
# Published layouts whose names would be read otherwise by the lists above.
KNOWN = {
    "CoSQA": ("doc", "code"),
    "CodeSearchNet": ("docstring", "code"),
    "CodeSearchNet of the hub": ("func_documentation_string", "func_code_string"),
}
LABEL = (
    ("label", "labels", "relevance", "relevances", "rel", "isrelevant", "isduplicate", "duplicate", "click", "clicked",
     "isclicked", "grade", "judgment", "judgement"),
    ("score", "scores"),
)  # fmt: skip
QUERY_ID = (("queryid", "qid", "questionid", "anchorid", "topicid"),)
DOC_ID = (("docid", "documentid", "pid", "passageid", "corpusid", "documentsid", "positiveid"),)
SPLIT = (("split", "partition"),)
_SCORES = ("posscores", "negscores", "positivescores", "negativescores")
_MINED = ("score", "positivescore", "teacherscore", "ppositive", "rank", "weight")
_NEGATIVE = re.compile(r"(hard)?neg(ative)?s?(text|doc|document|passage|ctx)?s?\d*")
_NUMBERED = re.compile(r"\d+$")
_LARGEST_GRADE = 10
NAMES = frozenset(
    name for tiers in (QUERY, POSITIVE, LABEL, QUERY_ID, DOC_ID, SPLIT) for tier in tiers for name in tier
)


@dataclass(frozen=True)
class PairColumns:
    """Which column of a table holds what."""

    layout: str
    query: str
    positive: str  # with a label, whose answer it is depends on that
    negatives: tuple[str, ...] = ()
    label: str | None = None
    split: str | None = None
    query_id: str | None = None
    doc_ids: tuple[tuple[str, str], ...] = ()  # of `positive` and `negatives`; a column of its own holds ids alone
    metadata: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def find_pair_columns(table: Table, layout: Layout) -> PairColumns:
    """Find out which column is what, by what the user says and by common names."""
    columns = Columns(table.frame.columns, table.place)
    ignored = [f"{columns.given(name, option='ignore')} (as told)" for name in layout.ignore]
    label = columns.given(layout.label, option="label") if layout.label else None
    negatives = [columns.given(name, option="negative") for name in layout.negative]
    split = columns.given(layout.split_column, option="split-column") if layout.split_column else None
    kind, query, positive = _query_and_positive(columns, layout)
    if not layout.negative:
        negatives = [name for name in columns.rest if _NEGATIVE.fullmatch(plain_name(name))]
        negatives.sort(key=_number)
        columns.taken.update(negatives)
    split = split or columns.common(SPLIT, option="split-column")
    refuse_numbers(table, positive, negatives)
    query_id, doc_ids = _ids(columns, query, (positive, *negatives))
    if plain_name(positive) in DOC_ID[0]:
        doc_ids[positive] = positive
    ignored += _teacher_scores(columns, table, negatives, label)
    label = label or _label(columns, table, layout)
    refuse_doubtful(columns, table, negatives_are_said=bool(layout.negative))
    kind = kind or ("labelled pairs" if label else "pairs and negatives" if negatives else "pairs")
    if label and negatives:
        raise table.error(
            f"the column {label!r} labels pairs, but {negatives[0]!r} holds negatives; say which counts: --ignore "
            f"{label} or --ignore {negatives[0]}"
        )
    return PairColumns(
        layout=f"{kind} in {table.kind}",
        query=query,
        positive=positive,
        negatives=tuple(negatives),
        label=label,
        split=split,
        query_id=query_id,
        doc_ids=tuple(doc_ids.items()),
        metadata=tuple(columns.rest),
        ignored=tuple(ignored),
    )


def _query_and_positive(columns: Columns, layout: Layout) -> tuple[str, str, str]:
    """Take the columns of the query and of what answers it, and name the layout if it is a known one."""
    if not (layout.query or layout.positive):
        plain = {plain_name(name): name for name in columns.rest}
        for kind, names in KNOWN.items():
            asked, answered = (plain.get(plain_name(name)) for name in names)
            if asked is not None and answered is not None:
                columns.taken.update((asked, answered))
                return kind, asked, answered
    positive = columns.given(layout.positive, option="positive") if layout.positive else None
    query = columns.given(layout.query, option="query") if layout.query else columns.common(QUERY, option="query")
    positive = positive or columns.common(POSITIVE, option="positive")
    if positive is None and layout.documents is not None:
        positive = columns.common(DOC_ID, option="positive")
    for name, column, tiers in (("query", query, QUERY), ("positive", positive, POSITIVE)):
        if column is None:
            raise DatasetError(
                f"no column for the {name} (tried {looked_for(tiers)}); it has: {', '.join(columns.names)}; name it "
                f"with --{name}, or name all of them with --columns (and --no-header if the first line is data)",
                path=columns.place,
            )
    return "", str(query), str(positive)


def _number(name: str) -> int:
    match = _NUMBERED.search(name)
    return int(match[0]) if match else -1


def _ids(columns: Columns, query: str, documents: tuple[str, ...]) -> tuple[str | None, dict[str, str]]:
    """Take the columns of ids: `X_id` belongs to the column X."""
    by_plain = {plain_name(name): name for name in columns.rest}

    def id_column(name: str) -> str | None:
        column = next(
            (by_plain[each] for each in (f"{plain_name(name)}id", f"{plain_name(name)}ids") if each in by_plain), None
        )
        columns.taken.update([column] if column else [])
        return column

    query_id = id_column(query) or columns.common(QUERY_ID, option="ignore")
    ids = {name: column for name in documents if (column := id_column(name)) is not None}
    if documents[0] not in ids and len(documents) == 1 and (column := columns.common(DOC_ID, option="ignore")):
        ids[documents[0]] = column
    return query_id, ids


def _teacher_scores(columns: Columns, table: Table, negatives: list[str], label: str | None) -> list[str]:
    """Leave out scores of a teacher: beside negatives they cannot be labels; nor can lists that are scores by name."""
    score_columns = [name for name in columns.rest if plain_name(name) in _SCORES]
    if any(plain_name(name) == "positivescore" for name in columns.rest):  # as `hardneg export --form parquet` writes
        score_columns += [name for name in columns.rest if plain_name(name) in _MINED]
    if negatives and label is None:
        for name in columns.rest:
            if any(plain_name(name) in tier for tier in LABEL) and not _may_be_labels(table.frame[name]):
                score_columns.append(name)
    columns.taken.update(score_columns)
    return [f"{name} (a teacher's scores, which are no labels)" for name in score_columns]


def _may_be_labels(values: pl.Series) -> bool:
    """Tell whether plain values are whole grades."""
    flat = values.explode() if isinstance(values.dtype, pl.List) else values
    if flat.dtype.is_nested() or isinstance(values.dtype, pl.List):
        return False
    text = flat.drop_nulls().cast(pl.String)
    return bool(text.str.contains(r"^\s*[+-]?\d+(\.0*)?\s*$|^(?i)(true|false)$").all())


def _label(columns: Columns, table: Table, layout: Layout) -> str | None:
    """Take the column of labels that is there by name, if its values are truth or grades."""
    label = columns.common(LABEL[:1], option="label")
    is_sure = label is not None
    if label is None and (label := columns.common(LABEL[1:], option="label")) is None:
        return None
    values = table.frame[label]
    flat = values.explode() if isinstance(values.dtype, pl.List) else values
    if flat.dtype.is_nested():
        raise table.error(
            f"the column {label!r} beside the pairs holds {values.dtype}, no labels; leave it out: --ignore {label}"
        )
    grades = read_grades(flat, layout, name=f"{label!r}")
    is_readable = grades.sound or (is_sure and grades.values.null_count() < len(grades.values))
    if not is_readable:  # single values that cannot be read are refused with their rows
        row = int(grades.problems.is_not_null().arg_max() or 0)
        raise DatasetError(
            f"{grades.problems[row]}; or leave the column out with --ignore {label}",
            path=table.place,
            line=table.line_of(row) if flat is values else None,
        )
    largest = int(grades.values.max() or 0)  # type: ignore[arg-type]
    if largest > _LARGEST_GRADE and not (layout.relevance or layout.min_relevance is not None):
        raise table.error(
            f"the column {label!r} beside the pairs holds numbers up to {largest}, which may be grades or counts; say "
            f"--label {label} for grades (0 and below: judged not relevant), --min-relevance N, or --ignore {label}"
        )
    return label
