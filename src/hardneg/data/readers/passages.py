"""Records that hold passages as objects, or name documents by id: DPR, Tevatron, MIRACL, Mr.TyDi, NeMo."""

from dataclasses import dataclass

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.headers import Columns, looked_for, plain_name
from hardneg.data.layout import Layout
from hardneg.data.readers.ids import as_ids
from hardneg.data.readers.pair_columns import QUERY, QUERY_ID, SPLIT
from hardneg.data.readers.pool import IDS, TEXTS, TITLES, DocumentPool
from hardneg.data.readers.rows import LABELS, ROW, Records, common_fields, label_rows, query_rows, records_dataset
from hardneg.data.readers.table import Table
from hardneg.data.readers.values import check_values
from hardneg.data.rejections import Rejections

_POSITIVE = ("positivepassages", "positivectxs", "posdoc", "positivedocumentids", "positivedocids", "positiveids")
_NEGATIVE = (
    *("negativepassages", "negativectxs", "hardnegativectxs", "negdoc", "negativedocumentids", "negativedocids"),
    "negativeids",
)
_NAMES = {
    "positive_ctxs": "DPR",
    "positive_passages": "Tevatron (MIRACL, Mr.TyDi)",
    "positive_document_ids": "Tevatron, documents by id",
    "pos_doc": "NeMo",
}
_ITEM_IDS = (*IDS, ("psgid",))


@dataclass(frozen=True)
class _Items:
    """The parts of the objects in one column."""

    text: str | None
    title: str | None
    key: str | None


def has_passages(table: Table) -> bool:
    """Tell whether a table holds passages as objects, or names documents by id."""
    return any(
        plain_name(name) in _POSITIVE
        and (plain_name(name).endswith("ids") or _is_object(kind) or _is_empty(table, name))
        for name, kind in table.frame.schema.items()
    )


def read_passages(
    table: Table, *, layout: Layout, rejections: Rejections, pool: DocumentPool | None = None, name: str | None = None
) -> Dataset:
    """Read records with objects for passages, each with a text, perhaps a title and an id, or with ids alone."""
    columns = Columns(table.frame.columns, table.place)
    ignored = [f"{columns.given(each, option='ignore')} (as told)" for each in layout.ignore]
    lists = [each for each in columns.rest if plain_name(each) in (*_POSITIVE, *_NEGATIVE)]
    columns.taken.update(lists)
    query = columns.given(layout.query, option="query") if layout.query else columns.common(QUERY, option="query")
    if query is None:
        raise table.error(
            f"no column for the query (tried {looked_for(QUERY)}); it has: {', '.join(columns.names)}; name it with "
            "--query"
        )
    query_id = columns.common(QUERY_ID, option="ignore")
    split = layout.split_column or columns.common(SPLIT, option="split-column")
    split = columns.given(split, option="split-column") if split else None
    check_values(table, texts=(query,), lists=())
    queries = query_rows(table, query, query_id=query_id, split=split)
    parts, fields = [], [("query", repr(query))]
    by_id = any(_holds_ids(table, column) for column in lists)
    for column in sorted(lists, key=lambda each: plain_name(each) not in _POSITIVE):
        role, relevance = ("positive", 1) if plain_name(column) in _POSITIVE else ("negative", 0)
        labels, about, extra = _labels(table, column, relevance=relevance, by_id=by_id)
        parts.append(labels)
        fields.append((role, f"{column!r}{about}"))
        ignored += extra
    metadata = [each for each in columns.rest if plain_name(each) not in ("queryimage",)]
    fields += common_fields(query_id, "", split, metadata, pool)
    kind = next(
        (layout_name for column, layout_name in _NAMES.items() if plain_name(column) in map(plain_name, lists)),
        "passages",
    )
    return records_dataset(
        Records(queries, pl.concat(parts).sort(ROW, maintain_order=True), metadata),
        table=table,
        mapping=FieldMapping(f"{kind} in {table.kind}", tuple(fields), tuple(ignored)),
        rejections=rejections,
        pool=pool,
        name=name,
    )


def _holds_ids(table: Table, column: str) -> bool:
    """Tell whether a column has ids of documents and no texts: by its name, or in its objects."""
    kind = table.frame.schema[column]
    inner = kind.inner if isinstance(kind, pl.List) else kind
    names = {plain_name(each.name) for each in inner.fields} if isinstance(inner, pl.Struct) else set()
    has_text = any(name in tier for name in names for tier in TEXTS)
    has_id = any(name in tier for name in names for tier in _ITEM_IDS)
    return plain_name(column).endswith("ids") or (has_id and not has_text)


def _labels(table: Table, column: str, *, relevance: int, by_id: bool) -> tuple[pl.DataFrame, str, list[str]]:
    """List what one column holds; with it where text, title and id come from, and what is left out."""
    frame = table.frame.with_row_index(ROW).select(ROW, item=column)
    kind = frame.schema["item"]
    if isinstance(kind, pl.List):
        frame = frame.filter(pl.col("item").list.len() > 0).explode("item")
    frame = frame.filter(pl.col("item").is_not_null())
    kind = frame.schema["item"]
    if frame.is_empty():
        return pl.DataFrame(schema=LABELS), " (none in any record)", []
    if not isinstance(kind, pl.Struct):
        values = as_ids(frame["item"], path=table.place, column=column)
        labels = label_rows(frame, relevance, **{"doc_id" if by_id else "text": values})
        return labels, " (ids)" if by_id else " (texts)", []
    items = _parts([each.name for each in kind.fields], table, column)
    parts = {each.name: frame["item"].struct.field(each.name) for each in kind.fields}
    labels = label_rows(
        frame,
        relevance,
        doc_id=as_ids(parts[items.key], path=table.place, column=f"{column}.{items.key}") if items.key else None,
        title=parts[items.title].cast(pl.String) if items.title else None,
        text=parts[items.text].cast(pl.String) if items.text else None,
    )
    used = [each for each in (items.key, items.title, items.text) if each]
    extra = [f"{column}.{each.name}" for each in kind.fields if each.name not in used]
    return labels, f" ({', '.join(used)})", extra


def _parts(names: list[str], table: Table, column: str) -> _Items:
    columns = Columns(names, table.place)
    items = _Items(
        columns.common(TEXTS, option="documents"),
        columns.common(TITLES, option="documents"),
        columns.common(_ITEM_IDS, option="documents"),
    )
    if items.text is None and items.key is None:
        raise table.error(
            f"the objects in {column!r} have neither a text (tried {looked_for(TEXTS)}) nor an id (tried "
            f"{looked_for(_ITEM_IDS)}); they have: {', '.join(names)}"
        )
    return items


def _is_empty(table: Table, column: str) -> bool:
    """Tell whether a column holds nothing but empty lists."""
    values = table.frame[column]
    return isinstance(values.dtype, pl.List) and values.list.len().sum() == 0


def _is_object(kind: pl.DataType) -> bool:
    inner = kind.inner if isinstance(kind, pl.List) else kind
    return isinstance(inner, pl.Struct)
