"""BM25 over an inverted index in NumPy arrays: exact, and a pair has the same score in and out of a search."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float32, Float64, Int32, Int64, Integer

from hardneg.progress import task
from hardneg.search._kernels.compiled import frozen, in_threads
from hardneg.search._kernels.postings import Postings, QueryTerms, count, fill, pair_rows, search_rows
from hardneg.search.analyzers import Analyzer
from hardneg.search.words import Terms, number_terms, shown

_SHARING = 256  # queries that pass over the postings together


class Whole(NamedTuple):
    """Statistics of all documents, where an index has some of them."""

    n_documents: int
    n_tokens: int
    df: Callable[[dict[str, int]], Int64[np.ndarray, " terms"]]  # of the terms of a vocabulary, in its order


def build_postings(
    slices: Iterable[Terms], vocabulary: dict[str, int], *, k1: float, b: float, whole: Whole | None = None
) -> Postings:
    """Turn the terms of documents into postings, which count as `whole` says; None takes the documents for all."""
    counted = [count(terms.term, terms.text, terms.n_texts, len(vocabulary)) for terms in slices]
    df = np.zeros(len(vocabulary), np.int64)
    for counts in counted:
        df += np.bincount(counts.term, minlength=len(vocabulary))
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(df)])
    length = np.concatenate([np.empty(0, np.int64), *(counts.length for counts in counted)])
    if whole is None:
        whole = Whole(len(length), int(length.sum()), lambda _: df)
    held_back = _held_back(length, whole.n_tokens / max(whole.n_documents, 1), k1, b)
    df_of_all = whole.df(vocabulary)
    idf = np.log1p((whole.n_documents - df_of_all + 0.5) / (df_of_all + 0.5))
    postings = Postings(first, np.empty(first[-1], np.int32), np.empty(first[-1], np.float32), len(length))
    free = first[:-1].copy()
    counted.reverse()
    n_filled = 0
    while counted:  # each slice's memory is freed as soon as it is in the index
        counts = counted.pop()
        fill(counts, idf, held_back, free, postings, n_filled)
        n_filled += len(counts.length)
    return Postings(frozen(first), frozen(postings.document), frozen(postings.impact), len(length))


def _held_back(
    length: Int64[np.ndarray, " documents"], average: float, k1: float, b: float
) -> Float64[np.ndarray, " documents"]:
    """Compute `k1 * (1 - b + b * length / average length)` of each document."""
    return k1 * (1 - b + b * length / max(average, 1.0))


@dataclass(frozen=True, eq=False)
class BM25Index:
    """Documents indexed by term. Build one with `BM25Index.build`.

    The score of a document is the sum, over the query's terms in the order in which they first stand in it,
    of `count in query * idf * tf / (tf + k1 * (1 - b + b * length / average length))` with
    `idf = ln(1 + (documents - df + 0.5) / (df + 0.5))`.

    References:
        Robertson and Zaragoza (2009), "The Probabilistic Relevance Framework: BM25 and Beyond"; the variant
        is Lucene's since version 8, see Kamphuis et al. (2020), "Which BM25 Do You Mean?".
    """

    analyzer: Analyzer
    vocabulary: dict[str, int] = field(repr=False)
    postings: Postings = field(repr=False)

    @classmethod
    def build(
        cls, texts: pl.Series, analyzer: Analyzer, *, k1: float = 1.5, b: float = 0.75, whole: Whole | None = None
    ) -> "BM25Index":
        """Index documents; at `k1 = 0` one occurrence counts as much as many. `whole` counts others with them."""
        if not (k1 >= 0 and 0 <= b <= 1):
            raise ValueError(f"k1 must be at least 0 and b within [0, 1], not {k1} and {b}")
        vocabulary: dict[str, int] = {}
        with task("indexing documents", total=len(texts), unit="documents") as advance:
            slices = shown(number_terms(texts, analyzer, vocabulary, grow=True), advance)
            return cls(analyzer, vocabulary, build_postings(slices, vocabulary, k1=k1, b=b, whole=whole))

    def search(
        self, texts: list[str], depth: int
    ) -> tuple[Int32[np.ndarray, "queries depth"], Float32[np.ndarray, "queries depth"]]:
        """Find the best documents for queries, equal scores by position.

        Documents that share no term with the query are not returned: places left over hold -1 and score 0.
        """
        positions, score = self.best(texts, depth)
        return positions, score.astype(np.float32)

    def best(
        self, texts: list[str], depth: int
    ) -> tuple[Int32[np.ndarray, "queries depth"], Float64[np.ndarray, "queries depth"]]:
        """Find the best documents as `search` does, with scores that are not rounded yet."""
        if depth < 1:
            raise ValueError(f"depth must be at least 1, not {depth}")
        queries = self._query_terms(texts)
        places = min(depth, self.postings.n_documents)
        positions = np.full((len(texts), places), -1, np.int32)
        score = np.zeros((len(texts), places))
        with task("searching the index", total=len(texts), unit="queries") as advance:
            in_threads(
                len(texts),
                lambda part: search_rows(self.postings, queries, positions, score, part),
                advance=advance,
                shown_rows=_SHARING,
            )
        order = np.argsort(-score, axis=1, kind="stable")
        padding = ((0, 0), (0, depth - places))
        return (
            np.pad(np.take_along_axis(positions, order, axis=1), padding, constant_values=-1),
            np.pad(np.take_along_axis(score, order, axis=1), padding),
        )

    def pair_scores(
        self,
        query_texts: list[str],
        query_index: Integer[np.ndarray, " rows"],
        document: Integer[np.ndarray, " rows"],
    ) -> Float32[np.ndarray, " rows"]:
        """Score pairs, to the bit as `search` scores them; 0 where no term is shared."""
        queries = self._query_terms(query_texts)
        score = np.empty(len(document), np.float32)
        query, wanted = frozen(query_index.astype(np.int64)), frozen(document.astype(np.int32))
        in_threads(len(score), lambda part: pair_rows(self.postings, queries, query, wanted, score, part))
        return score

    def _query_terms(self, texts: list[str]) -> QueryTerms:
        slices = number_terms(pl.Series("text", texts, pl.String), self.analyzer, self.vocabulary, grow=False)
        schema = {"query": pl.Int64, "term": pl.Int32}
        rows = [pl.DataFrame(schema=schema)]
        start = 0
        for terms in slices:
            rows.append(pl.DataFrame({"query": terms.text + start, "term": terms.term}, schema=schema))
            start += terms.n_texts
        term_rows = pl.concat(rows).filter(pl.col("term") >= 0)
        counts = term_rows.group_by("query", "term", maintain_order=True).len("weight").cast({"weight": pl.Float64})
        first = np.searchsorted(counts["query"].to_numpy(), np.arange(len(texts) + 1))
        return QueryTerms(frozen(first), frozen(counts["term"].to_numpy()), frozen(counts["weight"].to_numpy()))
