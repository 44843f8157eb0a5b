"""Answers among random documents: what tells systems apart where labels name few of the answers."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.fits.halves import asking
from hardneg.randomness import permutation
from hardneg.sources import Dense
from hardneg.sources.retrieval import RETRIEVAL_SCHEMA
from hardneg.training.watch.sample import restrict

DRAWN = 100  # documents: of those that are drawn for every query, few can be answers that nobody labelled
_AMONG = 13  # what draws are for


@dataclass(frozen=True, eq=False)
class Among:
    """A model that ranks the answers of each query among a hundred random documents, the same for all, as a source.

    The hard documents of a query are where unlabelled answers are: where labels name few of them, what a model ranks
    before a labelled answer is answers, and a better model ranks more of those there. Among random documents it does
    not matter how many there are, as long as they are a small share of all.

    Such figures are no estimate of those on all documents, and may order systems otherwise (Krichene and Rendle, 2020,
    "On Sampled Metrics for Item Recommendation", section 5): they are for systems that all documents do not tell apart.
    """

    model: Dense
    drawn: pl.Series  # ids

    @property
    def name(self) -> str:
        """That of the model."""
        return self.model.name

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Rank the answers of some queries and the documents that were drawn."""
        drawn = np.flatnonzero(dataset.documents["id"].is_in(self.drawn.implode()).to_numpy())
        query, document = dataset.positives.among(block)
        query = np.concatenate([query, np.repeat(block, len(drawn))])
        document = np.concatenate([document, np.tile(drawn, len(block))])
        query, document = np.unique(np.stack([query, document]).astype(np.int32), axis=1)
        score = self.model.score(dataset, query, document)
        rows = pl.DataFrame({"query": query, "document": document, "score": score})
        rows = rows.sort("query", "score", "document", descending=[False, True, False])
        rows = rows.with_columns(rank=pl.int_range(1, pl.len() + 1).over("query")).filter(pl.col("rank") <= depth)
        return rows.select(pl.col(name).cast(dtype) for name, dtype in RETRIEVAL_SCHEMA.items())


def draw_documents(dataset: Dataset, number: int = DRAWN, *, seed: int) -> Int32[np.ndarray, " drawn"]:
    """Draw the documents."""
    return np.sort(permutation(seed, _AMONG, size=dataset.n_documents)[:number]).astype(np.int32)


def with_answers(
    dataset: Dataset, split: str, queries: Int32[np.ndarray, " queries"], drawn: Int32[np.ndarray, " drawn"]
) -> Dataset:
    """Take some queries of a split with their answers, and the documents that were drawn."""
    labels = dataset.qrels.filter((pl.col("split") == split) & pl.col("query").is_in(queries))
    return restrict(asking(dataset, split, queries), queries, np.union1d(drawn, labels["document"]).astype(np.int32))
