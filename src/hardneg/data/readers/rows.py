"""Records and their labels into a dataset: the last step of every reader of tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.readers.ids import as_ids, content_ids
from hardneg.data.readers.pool import DocumentPool
from hardneg.data.readers.table import Table
from hardneg.data.readers.values import split_values
from hardneg.data.rejections import Rejections
from hardneg.data.tables import assemble

ROW = "\x00row"  # a name that no column of a file has
LABELS = {
    ROW: pl.UInt32,
    "doc_id": pl.String,
    "title": pl.String,
    "text": pl.String,
    "relevance": pl.Int32,
}
_JOINT = "\x1f"  # between the title and the text of what is hashed


def label_rows(
    rows: pl.DataFrame,
    relevance: int | pl.Series,
    *,
    doc_id: pl.Series | None = None,
    title: pl.Series | pl.Expr | None = None,
    text: pl.Series | pl.Expr | None = None,
) -> pl.DataFrame:
    """Bring rows to the columns of labels; what is not given is null."""
    return rows.select(ROW, doc_id=doc_id, title=title, text=text, relevance=relevance).cast(LABELS)  # type: ignore[arg-type]


def query_rows(table: Table, query: str, *, query_id: str | None, split: str | None) -> pl.DataFrame:
    """List the query of each record, with its id, if a column has it, and its split."""
    return table.frame.with_row_index(ROW).select(
        ROW,
        query_id=as_ids(table.frame[query_id], path=table.place) if query_id else pl.lit(None, pl.String),
        query=pl.col(query).cast(pl.String),
        split=split_values(table, split),
    )


def common_fields(
    query_id: str | None, doc_ids: str, split: str | None, metadata: Sequence[str], pool: DocumentPool | None
) -> list[tuple[str, str]]:
    """Say for people where ids, splits and metadata come from."""
    fields = [("split", repr(split) if split else "'train' for all, no column says otherwise")]
    fields += [("id of queries", repr(query_id) if query_id else "hash of the text")]
    fields += [("id of documents", doc_ids)] if doc_ids else []
    fields += [("metadata of queries", ", ".join(map(repr, metadata)))] if metadata else []
    return fields + list(pool.fields if pool else ())


@dataclass(frozen=True)
class Records:
    """What a reader found in a table."""

    queries: pl.DataFrame  # a row for each record; the query's id is null where it has none
    labels: pl.DataFrame  # in the order in which they shall stand; the text is null where a pool has it
    metadata: Sequence[str] = ()  # columns that are kept with the query, from its first record
    needs_positive: bool = True


def records_dataset(
    records: Records,
    *,
    table: Table,
    mapping: FieldMapping,
    rejections: Rejections,
    pool: DocumentPool | None = None,
    name: str | None = None,
) -> Dataset:
    """Build a dataset.

    Where there are no ids, they are hashes of the texts, so equal query texts become one query with all their
    positives, and equal documents one document. A text that the pool holds has the pool's id.
    """
    labels, named_by_id = _named_by_id(_without_blank(records.labels), pool, table=table)
    labels = _with_doc_ids(labels, pool)
    labels = _without_unknown(labels, pool, table=table, rejections=rejections)
    queries, labels = _complete(records, labels, table=table, rejections=rejections)
    queries = queries.with_columns(
        id=pl.coalesce("query_id", _ids_of(queries["query"], prefix="q")),
    )
    qrels = labels.join(queries.select(ROW, "split", query_id="id"), on=ROW, how="left", maintain_order="left")
    return assemble(
        _queries(queries, table.frame, records.metadata),
        _documents(labels, pool),
        [(table.place, qrels.select("query_id", "doc_id", "relevance", "split"))],
        paths=(table.place, table.place if pool is None else pool.place),
        name=name or table.name,
        rejections=rejections,
        mapping=mapping.more(notes=named_by_id),
    )


def _named_by_id(
    labels: pl.DataFrame, pool: DocumentPool | None, *, table: Table
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Take texts that are ids of the pool's documents for such, if all are; some alone are refused."""
    is_bare = pl.col("doc_id").is_null() & pl.col("title").is_null() & pl.col("text").is_not_null()
    bare = labels.filter(is_bare)
    if pool is None or bare.is_empty():
        return labels, ()
    names_one = bare["text"].is_in(pool.documents["id"].implode()) & ~bare["text"].is_in(
        pool.documents["shown"].implode()
    )
    if not names_one.any():
        return labels, ()
    if not names_one.all():
        row = bare.filter(~names_one).row(0, named=True)
        raise table.error(
            f"{bare.filter(names_one)['text'][0]!r} is the id of a document in {pool.place.name}, but {row['text']!r} "
            "is none; name all documents by their ids, or write the texts of all",
            row[ROW],
        )
    labels = labels.with_columns(
        doc_id=pl.when(is_bare).then("text").otherwise("doc_id"), text=pl.when(~is_bare).then("text")
    )
    return labels, (f"documents are named by their ids in {pool.place.name}",)


def _ids_of(texts: pl.Series, *, prefix: str) -> pl.Series:
    """Hash each distinct text once."""
    distinct = texts.unique(maintain_order=True)
    ids = pl.DataFrame({"text": distinct, "id": content_ids(distinct, prefix=prefix)})
    return texts.to_frame("text").join(ids, on="text", how="left", maintain_order="left")["id"]


def _without_blank(labels: pl.DataFrame) -> pl.DataFrame:
    """Leave out labels that name neither a text nor an id."""
    labels = labels.with_columns(
        pl.when(pl.col(name).str.strip_chars() != "").then(name) for name in ("doc_id", "title", "text")
    )
    return labels.filter(pl.col("text").is_not_null() | pl.col("title").is_not_null() | pl.col("doc_id").is_not_null())


def _with_doc_ids(labels: pl.DataFrame, pool: DocumentPool | None) -> pl.DataFrame:
    """Give each label without a document's id that of a known document of its text, or a hash of the text."""
    if pool is None and _are_plain(labels):
        return labels.with_columns(doc_id=_ids_of(labels["text"], prefix="d"))
    shown = pl.concat_str(pl.col("title").fill_null(""), pl.col("text").fill_null(""), separator=" ").str.strip_chars()
    hashed = (
        pl.when(pl.col("title").is_null())
        .then("text")
        .otherwise(pl.concat_str("title", pl.col("text").fill_null(""), separator=_JOINT))
    )
    unnamed = labels.filter(pl.col("doc_id").is_null()).select(hashed.alias("hashed"), shown.alias("shown"))
    unnamed = unnamed.unique(maintain_order=True)
    unnamed = unnamed.with_columns(id=content_ids(unnamed["hashed"], prefix="d"))
    named = [labels.filter(pl.col("doc_id").is_not_null()).select(shown=shown, known_id="doc_id")]
    named += [pool.documents.select("shown", known_id="id")] if pool is not None else []
    ids_by_text = pl.concat(named).filter(pl.col("shown") != "").unique("shown", keep="first", maintain_order=True)
    unnamed = unnamed.join(ids_by_text, on="shown", how="left", maintain_order="left")
    unnamed = unnamed.with_columns(id=pl.coalesce("known_id", "id"))
    return (
        labels.with_columns(hashed=hashed)
        .join(unnamed.select("hashed", own="id").unique("hashed"), on="hashed", how="left", maintain_order="left")
        .with_columns(doc_id=pl.coalesce("doc_id", "own"))
        .drop("hashed", "own")
    )


def _are_plain(labels: pl.DataFrame) -> bool:
    """Tell whether texts are all that is known of documents."""
    return labels["doc_id"].null_count() == labels["title"].null_count() == labels.height


def _without_unknown(
    labels: pl.DataFrame, pool: DocumentPool | None, *, table: Table, rejections: Rejections
) -> pl.DataFrame:
    """Refuse labels that have an id only, which no document has."""
    only_id = pl.col("text").is_null() & pl.col("title").is_null()
    if not labels.select(only_id.any()).item():
        return labels
    if pool is None:
        ids = labels.filter(~only_id)["doc_id"]
        where = "documents are needed beside this file: --documents CORPUS"
    else:
        ids, where = pool.documents["id"], f"it is not in {pool.place.name}"
    unknown = only_id & ~pl.col("doc_id").is_in(ids.unique().implode())
    for row, doc_id in labels.filter(unknown).select(ROW, "doc_id").iter_rows():
        table.reject(rejections, "unknown id", f"document id {doc_id!r}: {where}", row)
    return labels.filter(~unknown)


def _complete(
    records: Records, labels: pl.DataFrame, *, table: Table, rejections: Rejections
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Refuse records that lack their query, or what answers it."""
    queries = records.queries
    has_query = pl.col("query").str.strip_chars().fill_null("") != ""
    needed = labels.filter(pl.col("relevance") > 0) if records.needs_positive else labels
    has_document = pl.col(ROW).is_in(needed[ROW].unique().implode())
    missing = "a query without positives" if records.needs_positive else "a query without a document"
    for row, with_query in queries.filter(~(has_query & has_document)).select(ROW, has_query).iter_rows():
        problem = missing if with_query else "no query text"
        table.reject(rejections, "incomplete pair", f"{problem} (row {row + 1})", row)
    queries = queries.filter(has_query & has_document)
    if queries.is_empty():
        wanted = "a positive" if records.needs_positive else "a document"
        raise table.error(f"no row has both a query and {wanted}")
    return queries, labels.filter(pl.col(ROW).is_in(queries[ROW].implode()))


def _queries(queries: pl.DataFrame, frame: pl.DataFrame, metadata: Sequence[str]) -> pl.DataFrame:
    """Give each query its metadata, from the first record that has it."""
    first = queries.unique(["id", "query"], keep="first", maintain_order=True)
    values = frame.select(
        pl.col(name).alias(f"metadata.{name}" if name in ("id", "text", "title") else name) for name in metadata
    )
    texts = first.select("id", text="query")
    return texts.hstack(values[first[ROW].to_numpy()]) if metadata else texts


def _documents(labels: pl.DataFrame, pool: DocumentPool | None) -> pl.DataFrame:
    """List the documents: those of the pool first, which have more to say, then those of the records."""
    record_documents = labels.filter(pl.col("text").is_not_null() | pl.col("title").is_not_null()).select(
        pl.col("doc_id").alias("id"), pl.col("title").fill_null(""), pl.col("text").fill_null("")
    )
    record_documents = record_documents.unique(maintain_order=True)
    if pool is None:
        documents = record_documents
    else:
        shown = pl.concat_str("title", "text", separator=" ").str.strip_chars().alias("shown")
        new = record_documents.with_columns(shown).join(
            pool.documents.select("id", "shown"), on=["id", "shown"], how="anti", maintain_order="left"
        )
        documents = pl.concat([pool.documents, new], how="diagonal_relaxed").drop("shown")
        documents = documents.with_columns(pl.col("title").fill_null(""))
    return documents.drop("title") if bool((documents["title"] == "").all()) else documents
