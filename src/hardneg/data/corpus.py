"""The texts of a dataset and all that is computed from them, once, whatever the labels are."""

import functools
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.text import digest, digest_in_order, normalised

if TYPE_CHECKING:
    from hardneg.data.dataset import Dataset

# Metadata column of the queries: those of one split with an equal value share their answers.
SHARES_ANSWERS = "history_of"

_SENT: set[str] = set()  # kinds of results that go with the texts to another process
_NUMBERED = ("text_group", "query_text_group", "n_copies")

P = ParamSpec("P")
T = TypeVar("T")


class Corpus:
    """Queries and documents without their labels.

    Datasets that differ in their labels alone share one (`Dataset.with_labels`), so an index, shingles or groups of
    equal texts are made once for all of them, and go when the last of these datasets goes.
    """

    def __init__(self, queries: pl.DataFrame, documents: pl.DataFrame) -> None:
        self.queries, self.documents = queries, documents
        self._kept: dict[str, OrderedDict[Hashable, Any]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Send the texts to another process, and of what was computed from them what is dear in time or memory.

        The process computes all else that it needs.
        """
        made = {name: vars(self)[name] for name in _NUMBERED if name in vars(self)}
        if "title" in self.documents.columns:
            made["document_texts"] = self.document_texts
        kept = {kind: results for kind, results in self._kept.items() if kind in _SENT}
        return Corpus, (self.queries, self.documents), made | {"_kept": kept}

    @cached_property
    def document_texts(self) -> pl.Series:
        """Text of each document as models and BM25 see it: the title, a space, the text."""
        if "title" not in self.documents.columns:
            return self.documents["text"]
        joined = pl.concat_str(pl.col("title").fill_null(""), pl.col("text"), separator=" ").str.strip_chars()
        return self.documents.select(joined.alias("text"))["text"]

    @cached_property
    def text_group(self) -> Int32[np.ndarray, " documents"]:
        """A number for each document, shared by exactly those whose normalised texts are equal."""
        return _groups(self.document_texts)

    @cached_property
    def n_copies(self) -> Int32[np.ndarray, " groups"]:
        """Number of documents of each text group."""
        return np.bincount(self.text_group).astype(np.int32)

    @cached_property
    def query_text_group(self) -> Int32[np.ndarray, " queries"]:
        """A number for each query, shared by exactly those whose normalised texts are equal."""
        return _groups(self.queries["text"])

    @cached_property
    def digests(self) -> tuple[list[str], list[str]]:
        """Hashes of the columns of texts: of those that every dataset has, and of the further ones."""
        (asked, *further), (texts,) = self._read_columns()
        first = (self.queries["id"], asked, self.documents["id"], texts)
        return [*map(digest, first)], [*map(digest, further)]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what each id means, whatever the order of rows."""
        hashes = []
        for table, columns in zip((self.queries, self.documents), self._read_columns(), strict=True):
            order = table["id"].arg_sort()
            hashes.append(digest(pl.Series([digest_in_order(each, order) for each in (table["id"], *columns)])))
        return digest(pl.Series(hashes))

    def _read_columns(self) -> tuple[list[pl.Series], list[pl.Series]]:
        """Give the columns that models and sources read of the queries and of the documents."""
        further = []
        for name in ("turn_text", "history", "rewrite"):
            if name in self.queries.columns:
                values = self.queries[name]
                is_list = isinstance(values.dtype, pl.List)
                texts = values.cast(pl.List(pl.String)).list.join("\n") if is_list else values.cast(pl.String)
                further.append(texts)
        if SHARES_ANSWERS in self.queries.columns:
            further.append(self.queries[SHARES_ANSWERS].cast(pl.String).fill_null(""))
        return [self.queries["text"], *further], [self.document_texts]

    def with_ids(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Put `query_id` and `doc_id` in place of the positions `query` and `document`, before all other columns."""
        return rows.select(
            self.queries["id"].gather(rows["query"]).alias("query_id"),
            self.documents["id"].gather(rows["document"]).alias("doc_id"),
            pl.exclude("query", "document"),
        )

    def positions(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add the positions `query` and `document` to `query_id` and `doc_id`; null where no text has the id."""
        rows = rows.drop("query", "document", strict=False)
        for name, column, table in (("query_id", "query", self.queries), ("doc_id", "document", self.documents)):
            row_numbers = table.select(pl.col("id").alias(name)).with_row_index(column).cast({column: pl.Int32})
            rows = rows.join(row_numbers, on=name, how="left", maintain_order="left")
        return rows

    def derived(self, kind: str, key: Hashable, build: Callable[[], T], *, keep: int) -> T:
        """Give what is computed from the texts, or compute it."""
        results = self._kept.setdefault(kind, OrderedDict())
        if key not in results:
            results[key] = build()
        results.move_to_end(key)
        while len(results) > keep:
            results.popitem(last=False)
        return cast("T", results[key])


@runtime_checkable
class Preparing(Protocol):
    """A source or filter that reads something made of all texts, or of all values of a column."""

    def prepare(self, dataset: "Dataset") -> None:
        """Make it, so that it goes with the dataset to whoever mines."""


def of_texts(
    keep: int, *, sent: bool = False
) -> Callable[[Callable[Concatenate["Dataset", P], T]], Callable[Concatenate["Dataset", P], T]]:
    """Compute once for each corpus what a function makes of a dataset's texts and metadata; labels must not count.

    `keep` results of different arguments are kept. With `sent` they go with the corpus to other processes: they must be
    made of arrays, and each as long as the corpus.
    """

    def decorate(build: Callable[Concatenate["Dataset", P], T]) -> Callable[Concatenate["Dataset", P], T]:
        kind = f"{build.__module__}.{build.__qualname__}"
        if sent:
            _SENT.add(kind)

        @functools.wraps(build)
        def shared(dataset: "Dataset", /, *args: P.args, **options: P.kwargs) -> T:
            key = (args, tuple(options.items()))
            return dataset.corpus.derived(kind, key, lambda: build(dataset, *args, **options), keep=keep)

        return shared

    return decorate


def _groups(texts: pl.Series) -> Int32[np.ndarray, " texts"]:
    plain = pl.DataFrame({"text": texts}).select(normalised(pl.col("text")))
    return plain["text"].rank("dense").to_numpy().astype(np.int32) - np.int32(1)


def unknown_ids(positions: pl.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the first row whose query, and the first whose document, no text has: the column of ids, and the row."""
    for name, column in (("query_id", "query"), ("doc_id", "document")):
        unknown = positions.filter(pl.col(column).is_null())
        if unknown.height:
            yield name, unknown.row(0, named=True)
