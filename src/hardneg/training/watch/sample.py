"""The queries and documents that are looked at while a model is trained: the same ones at every look."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from hardneg.arrays import Rows
from hardneg.data.dataset import DEVELOPMENT, MAKES_SPLITS, UNUSED, Dataset
from hardneg.errors import DatasetError
from hardneg.evaluation.excluding import IDENTICAL, NOTHING, Excluded, excluded_from, retrieve_without
from hardneg.planting.planting import id_keys
from hardneg.randomness import bits
from hardneg.sources.bm25 import BM25
from hardneg.training.watch.settings import Watch

_SEED, _QUERY, _DOCUMENT = 0x3A7C4, 1, 2
_BLOCK = 4_096
_MOST_SHARED = 0.25  # of the queries of a split that are trained on too and left out of it; with more it is refused


@dataclass(frozen=True)
class Sampled:
    """How much of a split a sample holds, each as part and whole."""

    split: str
    queries: int
    all_queries: int
    documents: int
    all_documents: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return (self.queries, self.documents) == (self.all_queries, self.all_documents)

    def __str__(self) -> str:
        queries = f"{_part(self.queries, self.all_queries)} queries of {self.split}"
        against = f"{queries} against {_part(self.documents, self.all_documents)} documents"
        return against + (": higher than against all" if self.documents < self.all_documents else "")


@dataclass(frozen=True, eq=False)
class Sample:
    """Some queries of a split with some documents, as a dataset of their own."""

    dataset: Dataset
    exclude: str  # what rankings leave out, as `evaluate` takes it
    about: Sampled


def watched_split(watch: Watch, dataset: Dataset, *, trained: str) -> str:
    """Find the split that is looked at, and make sure that it can tell something."""
    named = [name for name in DEVELOPMENT if name in dataset.splits and name != trained]
    if watch.split is None and not named:
        raise DatasetError(
            f"watch: {dataset.name} has no split to look at ({', '.join(DEVELOPMENT[:-1])} or {DEVELOPMENT[-1]}); it "
            f"has: {', '.join(dataset.splits) or 'none'}. Name one by watch.split, or deal one: {MAKES_SPLITS}"
        )
    split = watch.split or named[0]
    if split == trained:
        raise DatasetError(f"watch: split {split!r} is trained on; name another by watch.split")
    queries, shared = dataset.queries_of(split), _shared(dataset, split, trained)
    if len(shared) > _MOST_SHARED * len(queries):
        raise DatasetError(
            f"watch: {len(shared):,} of {len(queries):,} queries of {split!r} are in {trained!r} too, by id or by "
            f"equal text, say {dataset.queries['id'][int(shared[0])]!r}: what is trained on shows no harm. Keep each "
            "query in one split (`hardneg data split` does), or name another by watch.split"
        )
    excluded_from(dataset, watch.exclude, split=split)
    return split


def without_trained(dataset: Dataset, split: str, *, trained: str) -> Dataset:
    """Leave out of a split the few queries that are trained on too, by id or by text, as short histories may be."""
    shared = (pl.col("split") == split) & pl.col("query").is_in(_shared(dataset, split, trained))
    aside = pl.when(shared).then(pl.lit(UNUSED)).otherwise("split")
    return dataset.with_labels(dataset.qrels.with_columns(split=aside))


def _shared(dataset: Dataset, split: str, trained: str) -> Rows:
    queries, texts = dataset.queries_of(split), dataset.query_text_group
    return queries[np.isin(texts[queries], texts[dataset.queries_of(trained)])]


def draw_sample(watch: Watch, dataset: Dataset, *, split: str) -> Sample:
    """Choose queries of a split, and documents for them, by ids alone."""
    everyone = dataset.queries_of(split)
    queries = _first(dataset.queries["id"], everyone, watch.queries, _QUERY)
    excluded = excluded_from(dataset, watch.exclude, split=split)
    documents = _documents(watch, dataset, queries, split, excluded)
    about = Sampled(split, len(queries), len(everyone), len(documents), dataset.n_documents)
    restricted = restrict(dataset, queries, documents)
    rule = excluded.rule if excluded.rule in (IDENTICAL, NOTHING, *restricted.splits) else NOTHING
    return Sample(restricted, rule, about)


def restrict(dataset: Dataset, queries: Rows, documents: Rows) -> Dataset:
    """Give a dataset of some of the queries and documents, with the labels between them."""
    rows = dataset.qrels.filter(pl.col("query").is_in(queries) & pl.col("document").is_in(documents))
    positions = {
        name: np.searchsorted(chosen, rows[name].to_numpy()).astype(np.int32)
        for name, chosen in (("query", queries), ("document", documents))
    }
    labels = rows.with_columns(pl.Series(name, column, dtype=pl.Int32) for name, column in positions.items())
    return Dataset(dataset.queries[queries], dataset.documents[documents], labels, name=dataset.name)


def _documents(watch: Watch, dataset: Dataset, queries: Rows, split: str, excluded: Excluded) -> Rows:
    """List the documents of a sample, ascending."""
    if watch.beside == "all":
        return np.arange(dataset.n_documents, dtype=np.int32)
    labelled = dataset.qrels.filter((pl.col("split") == split) & pl.col("query").is_in(queries))["document"]
    chosen = [labelled.to_numpy()]
    for start in range(0, len(queries) if watch.hard else 0, _BLOCK):
        block = queries[start : start + _BLOCK]
        chosen.append(retrieve_without(excluded.pairs, BM25(), dataset, block, watch.hard)["document"].to_numpy())
    those = np.unique(np.concatenate(chosen)).astype(np.int32)
    rest = np.setdiff1d(np.arange(dataset.n_documents, dtype=np.int32), those, assume_unique=True)
    return np.union1d(those, _first(dataset.documents["id"], rest, watch.beside, _DOCUMENT)).astype(np.int32)


def _first(ids: pl.Series, among: Rows, wanted: int | str, kind: int) -> Rows:
    """Choose some of the rows by a hash of their ids, ascending."""
    if isinstance(wanted, str) or wanted >= len(among):
        return among
    drawn = bits(_SEED, kind, id_keys(ids, among))
    return np.sort(among[np.argsort(drawn, kind="stable")[:wanted]])


def _part(some: int, whole: int) -> str:
    return f"all {whole:,}" if some == whole else f"{some:,} of {whole:,}"
