"""Hiding some labelled positives, to see what mining makes of answers that it does not know."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32, Int64, Integer

from hardneg.arrays import Rows
from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.errors import DatasetError
from hardneg.randomness import bits

_PAIR, _QUERY = 4, 5
_FOLDED = ["query_text", "text"]


@dataclass(frozen=True, eq=False)
class Planted:
    """A dataset some of whose labels are hidden, and the labels that are."""

    dataset: Dataset  # without the hidden labels; texts and positions are the same
    queries: Int32[np.ndarray, " queries"]  # with something hidden, ascending
    hidden: PairSet  # of documents with equal texts, one stands for all

    def is_hidden(
        self, query: Integer[np.ndarray, " rows"], document: Integer[np.ndarray, " rows"]
    ) -> Bool[np.ndarray, " rows"]:
        """Mark pairs that were hidden, also where a copy of the document stands under another id."""
        return self._hidden_texts.contains(query, self.dataset.text_group[document])

    @cached_property
    def _hidden_texts(self) -> PairSet:
        query, document = np.divmod(self.hidden.keys, self.hidden.width)
        group = self.dataset.text_group
        return PairSet.build(query, group[document], width=int(group.max()) + 1)


def plant_each(
    dataset: Dataset,
    split: str,
    *,
    seeds: Iterable[int],
    share: float = 0.5,
    max_queries: int | None = None,
    least_known: int = 1,
) -> Iterator[Planted]:
    """Plant once with each seed, when the planting is asked for."""
    for seed in seeds:
        yield plant(dataset, split, share=share, seed=seed, least_known=least_known, max_queries=max_queries)


def plant(
    dataset: Dataset,
    split: str,
    *,
    share: float = 0.5,
    seed: int,
    least_known: int = 1,
    max_queries: int | None = None,
) -> Planted:
    """Hide a share of the positives of every query of a split that has enough of them.

    What is hidden depends on the seed and the ids, not on the order of the rows. Labels cover texts: a positive is
    hidden with its copies under other ids, and for all queries of the same text, in every split that labels it.
    """
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; set it above 0 and below 1")
    if least_known < 0:
        raise ValueError(f"least_known is {least_known}; set it to 0 or more")
    units = _units(dataset, split, seed=seed)
    n = pl.len().over("query_text")
    n_hidden = pl.max_horizontal((n * share + 0.5).floor().cast(pl.Int64), 1)
    chosen = units.filter(n > least_known).filter(
        pl.int_range(pl.len()).over("query_text") < pl.min_horizontal(n_hidden, n - least_known)
    )
    if max_queries is not None:
        chosen = chosen.filter(pl.col("query_draw").rank("dense") <= max_queries)
    if chosen.is_empty():
        raise DatasetError(
            f"no positive of the split {split!r} of {dataset.name} can be hidden: "
            f"no query has more than {least_known}; judge a sample instead, or name a file with more labels"
        )
    return _without(dataset, split, chosen, least_known=least_known)


def _units(dataset: Dataset, split: str, *, seed: int) -> pl.DataFrame:
    """List what can be hidden, a text of a query and a text of a document each, in the order of a draw."""
    query, document = dataset.pairs_of(split)
    query_key, document_key = id_keys(dataset.queries["id"], query), id_keys(dataset.documents["id"], document)
    pairs = pl.DataFrame(
        {
            "query_text": dataset.query_text_group[query],
            "text": dataset.text_group[document],
            "document": document,
            "draw": bits(seed, _PAIR, query_key, document_key),
            "query_draw": bits(seed, _QUERY, query_key),
        }
    ).with_columns(pl.col("query_draw").min().over("query_text"))
    units = pairs.group_by(_FOLDED).agg(pl.col("document", "draw", "query_draw").min())
    return units.sort("query_text", "draw", "text")


def id_keys(ids: pl.Series, position: Rows) -> Int64[np.ndarray, " rows"]:
    """Hash the id at each position to an integer."""
    distinct, which = np.unique(position, return_inverse=True)
    digests = [hashlib.blake2b(str(each).encode(), digest_size=8).digest() for each in ids.gather(distinct)]
    return np.frombuffer(b"".join(digests), dtype="<i8").astype(np.int64)[which]


def _without(dataset: Dataset, split: str, chosen: pl.DataFrame, *, least_known: int) -> Planted:
    """Take the chosen labels out, in every split and whatever their relevance."""
    texts = chosen.select(_FOLDED)
    labels = dataset.qrels.with_columns(
        query_text=pl.Series(dataset.query_text_group[dataset.qrels["query"].to_numpy()]),
        text=pl.Series(dataset.text_group[dataset.qrels["document"].to_numpy()]),
    )
    hides = labels.join(texts, on=_FOLDED, how="semi").select("query", "document").unique()
    planted = dataset.without_labels(hides)
    queries = dataset.queries_of(split)
    if least_known:  # one whose own labels are all hidden, though those of its copy are not, would not be mined for
        queries = np.intersect1d(queries, planted.qrels.filter(pl.col("relevance") > 0)["query"].to_numpy())
    owners = pl.DataFrame({"query": queries, "query_text": dataset.query_text_group[queries]})
    pairs = owners.join(chosen, on="query_text").select("query", "document")
    hidden = PairSet.build(pairs["query"].to_numpy(), pairs["document"].to_numpy(), width=dataset.n_documents)
    return Planted(planted, np.unique(pairs["query"].to_numpy()), hidden)
