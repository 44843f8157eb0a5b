"""Development queries in two halves, and a corpus small enough to look at often."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import UNUSED, Dataset
from hardneg.ladders.splits import Splits
from hardneg.randomness import bits, permutation
from hardneg.training.watch.sample import restrict

_HALF, _LOOKED_AT = 11, 12  # what draws are for
FRESH = "fresh"  # split of the development queries that a race never sees
MOST = 500  # queries of a half that are measured on
_BEST = 5  # documents of each ranking that a small corpus holds for a query at least
_EACH, _LEAST, _MANY = 12, 1_000, 3_000  # documents that it aims at for each query, and in all: at least, at most


@dataclass(frozen=True)
class Halves:
    """Positions of the development queries: those that a race is decided on, and those that it never sees."""

    race: Int32[np.ndarray, " race"]
    fresh: Int32[np.ndarray, " fresh"]

    @property
    def all(self) -> Int32[np.ndarray, " both"]:
        """Both."""
        return np.sort(np.concatenate([self.race, self.fresh]))

    @classmethod
    def of(cls, dataset: Dataset, split: str, *, seed: int) -> "Halves":
        """Part the queries of a split; those of equal text stay together, and a half has 500 queries at most."""
        queries = dataset.queries_of(split)
        groups, of_query, sizes = np.unique(dataset.query_text_group[queries], return_inverse=True, return_counts=True)
        order = np.argsort(bits(seed, _HALF, groups), kind="stable")
        before = np.empty(len(groups), dtype=np.int64)  # queries in the groups that were drawn earlier
        before[order] = np.cumsum(sizes[order]) - sizes[order]
        first = before[of_query] + sizes[of_query] / 2 < len(queries) / 2
        if first.all() or not first.any():  # all of one text
            first = np.arange(len(queries)) % 2 == 0
        return cls(*(_some(queries[which], seed) for which in (first, ~first)))


def with_queries_apart(dataset: Dataset, splits: Splits) -> tuple[Dataset, int]:
    """Take from train what dev or test ask too, and from dev what test asks, by id or text; and count those queries.

    Their labels stay, in the split that nothing is trained or measured on.
    """
    taken, labels, n_aside = dataset.query_text_group[dataset.queries_of(splits.test)], dataset.qrels, 0
    for split in filter(None, (splits.dev, splits.train)):
        queries = dataset.queries_of(split)
        shared = queries[np.isin(dataset.query_text_group[queries], taken)]
        aside = (pl.col("split") == split) & pl.col("query").is_in(shared)
        labels = labels.with_columns(split=pl.when(aside).then(pl.lit(UNUSED)).otherwise("split"))
        taken, n_aside = np.union1d(taken, dataset.query_text_group[queries]), n_aside + len(shared)
    return (dataset.with_labels(labels) if n_aside else dataset), n_aside


def with_fresh_aside(dataset: Dataset, split: str, halves: Halves) -> Dataset:
    """Give the labels that a race must not see a split of their own, so that a watch looks at the others alone."""
    aside = (pl.col("split") == split) & ~pl.col("query").is_in(halves.race)
    return dataset.with_labels(dataset.qrels.with_columns(split=pl.when(aside).then(pl.lit(FRESH)).otherwise("split")))


def ids(dataset: Dataset, queries: Int32[np.ndarray, " queries"]) -> pl.Series:
    """Name queries by their ids."""
    return dataset.queries["id"].gather(queries)


def only(table: pl.DataFrame, asked: pl.Series) -> pl.DataFrame:
    """Keep the rows of some queries."""
    return table.filter(pl.col("query_id").is_in(asked.implode()))


def asking(dataset: Dataset, split: str, queries: Int32[np.ndarray, " queries"]) -> Dataset:
    """Leave in a split the labels of some queries alone."""
    outside = (pl.col("split") == split) & ~pl.col("query").is_in(queries)
    return dataset.with_labels(dataset.qrels.filter(~outside))


def small_corpus(
    dataset: Dataset, split: str, queries: Int32[np.ndarray, " queries"], rankings: list[pl.DataFrame], *, seed: int
) -> Dataset:
    """Take some queries of a split with their answers, the best of rankings for them, and others if these are few.

    The rankings are read as deep as the size that is aimed at allows, for five documents at least: what a trained model
    puts before an answer is further down there more often than not. If most of the corpus would be taken, all of it is.
    """
    asked, size = ids(dataset, queries), min(max(_EACH * len(queries), _LEAST), _MANY)
    ranked = pl.concat([only(run, asked).select("query_id", "doc_id", "rank") for run in rankings])
    first = dataset.positions(ranked).group_by("document").agg(pl.col("rank").min()).sort("rank")
    deepest = first["rank"].gather([min(size, first.height) - 1]).item() if first.height else 0
    depth = max(_BEST, deepest if first.height <= size else deepest - 1)
    labels = dataset.qrels.filter((pl.col("split") == split) & pl.col("query").is_in(queries))
    best = first.filter(pl.col("rank") <= depth)["document"]
    kept = np.unique(np.concatenate([best, labels["document"]])).astype(np.int32)
    others = permutation(seed, _LOOKED_AT, size=dataset.n_documents)
    others = others[~np.isin(others, kept)][: max(0, _LEAST - len(kept))]
    kept = np.sort(np.concatenate([kept, others])).astype(np.int32)
    if len(kept) > dataset.n_documents // 2:
        return asking(dataset, split, queries)
    return restrict(asking(dataset, split, queries), queries, kept)


def _some(queries: Int32[np.ndarray, " queries"], seed: int) -> Int32[np.ndarray, " some"]:
    drawn = permutation(seed, _LOOKED_AT, size=len(queries))[:MOST]
    return np.sort(queries[drawn])
