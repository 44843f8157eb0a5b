"""Window and bounds as `mine_hard_negatives` means them, and a source whose candidates a cross-encoder scores."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32

from hardneg.arrays import Rows, Scores
from hardneg.data.dataset import Dataset
from hardneg.filters.columns import column, lowest_positive, scores
from hardneg.sources.dense import Dense


@dataclass(frozen=True)
class FirstRanks:
    """Refuse the first few candidates of a source, answers not counted."""

    source: str
    skip: int

    name: ClassVar[str] = "range_min"
    exempts_judged: ClassVar[bool] = False

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Keep what is ranked further down."""
        answer = dataset.is_answer(candidates["query"].to_numpy(), candidates["document"].to_numpy())
        rank = column(candidates, "rank", self.source).set(pl.Series(answer), None)
        place = candidates.select(rank.alias("rank"), "query").select(pl.col("rank").rank("ordinal").over("query"))
        return (place["rank"] > self.skip).fill_null(value=True).to_numpy()


@dataclass(frozen=True)
class Bounds:
    """Refuse what scores outside bounds, of which two hang on the score of the query's weakest positive."""

    score: str
    low: float | None = None
    high: float | None = None
    absolute: float | None = None
    relative: float | None = None

    name: ClassVar[str] = "bounds"
    exempts_judged: ClassVar[bool] = False

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Keep what lies inside; a bound is inside."""
        score = scores(candidates, self.score).astype(np.float32)
        positive = lowest_positive(candidates, score.astype(np.float64), dataset).astype(np.float32)
        kept = np.ones(len(score), dtype=bool)
        if self.absolute is not None:
            kept &= ~(score + np.float32(self.absolute) > positive)
        if self.relative is not None:
            kept &= ~(score > positive - np.abs(positive) * np.float32(self.relative))
        if self.high is not None:
            kept &= ~(score > self.high)
        if self.low is not None:
            kept &= ~(score < self.low)
        return kept


@dataclass(frozen=True)
class Rescored:
    """Candidates in the order of a two-tower model, with a cross-encoder's scores."""

    first: Dense
    judge: Any
    batch_size: int = 32
    name: str = "cross_encoder"

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Find documents, and score them anew."""
        rows = self.first.retrieve(dataset, block, depth)
        values = self.score(dataset, rows["query"].to_numpy(), rows["document"].to_numpy())
        return rows.with_columns(pl.Series("score", values, dtype=pl.Float32))

    def score(self, dataset: Dataset, query: Rows, document: Rows) -> Scores:
        """Score pairs."""
        pairs = zip(dataset.query_texts.gather(query), dataset.document_texts.gather(document), strict=True)
        listed = list(pairs)
        if not listed:
            return np.empty(0, dtype=np.float32)
        values = self.judge.predict(listed, batch_size=self.batch_size, show_progress_bar=False)
        return np.asarray(values, dtype=np.float32)
