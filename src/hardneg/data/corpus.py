"""The texts of a dataset and all that is computed from them, once, whatever the labels are."""

import functools
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.text import normalised

if TYPE_CHECKING:
    from hardneg.data.dataset import Dataset

P = ParamSpec("P")
T = TypeVar("T")


class Corpus:
    """Queries and documents without their labels.

    Datasets that differ in their labels alone share one (`Dataset.with_labels`), so an index, shingles or groups of
    equal texts are made once for all of them, and go when the last of these datasets goes.
    """

    def __init__(self, queries: pl.DataFrame, documents: pl.DataFrame) -> None:
        self.queries, self.documents = queries, documents
        self._kept: dict[Hashable, OrderedDict[Hashable, Any]] = {}

    def __reduce__(self) -> tuple[type["Corpus"], tuple[pl.DataFrame, pl.DataFrame]]:
        """Send the texts alone to another process, which computes what it needs of them."""
        return Corpus, (self.queries, self.documents)

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
    def query_text_group(self) -> Int32[np.ndarray, " queries"]:
        """A number for each query, shared by exactly those whose normalised texts are equal."""
        return _groups(self.queries["text"])

    def derived(self, kind: Hashable, key: Hashable, build: Callable[[], T], *, keep: int) -> T:
        """Give what is computed from the texts, or compute it."""
        known = self._kept.setdefault(kind, OrderedDict())
        if key not in known:
            known[key] = build()
        known.move_to_end(key)
        while len(known) > keep:
            known.popitem(last=False)
        return cast(T, known[key])


def of_texts(
    keep: int,
) -> Callable[[Callable[Concatenate["Dataset", P], T]], Callable[Concatenate["Dataset", P], T]]:
    """Compute once for each corpus what a function makes of a dataset's texts and metadata; labels must not count."""

    def decorate(build: Callable[Concatenate["Dataset", P], T]) -> Callable[Concatenate["Dataset", P], T]:
        @functools.wraps(build)
        def shared(dataset: "Dataset", /, *args: P.args, **options: P.kwargs) -> T:
            key = (args, tuple(options.items()))
            return dataset.corpus.derived(build, key, lambda: build(dataset, *args, **options), keep=keep)

        return shared

    return decorate


def _groups(texts: pl.Series) -> Int32[np.ndarray, " texts"]:
    plain = pl.DataFrame({"text": texts}).select(normalised(pl.col("text")))
    return plain["text"].rank("dense").to_numpy().astype(np.int32) - np.int32(1)
