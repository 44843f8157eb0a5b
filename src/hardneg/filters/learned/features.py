"""What the learned filter looks at: how a candidate stands to its query and to the query's known answers."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64

from hardneg.arrays import Rows
from hardneg.data.dataset import Dataset
from hardneg.filters.columns import TEACHER_SCORE, numbers, scores, suffixes
from hardneg.filters.learned.likeness import vector_features, word_features
from hardneg.filters.learned.other_queries import label_features, neighbour_features
from hardneg.scoring.protocol import Scorer
from hardneg.sources.protocol import TextVectors


@dataclass(frozen=True)
class Features:
    """Describes candidates by numbers, not a number where something is unknown.

    For each source: rank, score, and the score's distance to the weakest, the mean and the strongest known
    positive. Over all: how many sources found it; similarity to the known positives (vectors and words, largest
    and mean); words shared with the query; lengths; how many positives the query has; how often other queries
    call the document an answer, and how often such queries share an answer with this one; a
    teacher's score and its distance to the positives', if there is one.

    Nothing here looks at the label of the row itself, so a positive that was hidden is described like an
    answer that nobody ever labelled.
    """

    split: str  # whose labels count, those of other queries too; no other split's are looked at
    vectors: TextVectors | None = None
    scorers: tuple[Scorer, ...] = ()  # of every row beside the sources, such as BM25 where only a dense model retrieves

    def describe(self, candidates: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
        """Describe rows; the rows of known positives must be among them."""
        query, document = candidates["query"].to_numpy(), candidates["document"].to_numpy()
        positives = dataset.positives_of(self.split)
        is_positive = positives.contains(query, document)
        ranks = {f"rank.{name}": numbers(candidates[f"rank.{name}"]) for name in suffixes(candidates, "rank")}
        given = {f"score.{name}": scores(candidates, name) for name in suffixes(candidates, "score")}
        for scorer in self.scorers:
            given[f"score.{scorer.name}"] = scorer.score(dataset, query, document).astype(np.float64)
        if TEACHER_SCORE in candidates.columns:
            given["teacher"] = numbers(candidates[TEACHER_SCORE])
        columns = ranks | {"n_sources": sum((~np.isnan(rank) for rank in ranks.values()), np.zeros(len(query)))}
        for name, score in given.items():
            columns |= _against_positives(name, score, query, is_positive)
        columns |= word_features(dataset, positives, query, document)
        if self.vectors is not None:
            columns |= vector_features(self.vectors.vectors_of_documents(dataset), positives, query, document)
            columns |= neighbour_features(self.vectors, dataset, self.split, query, document)
        columns |= label_features(dataset, self.split, query, document)
        columns["n_positives"] = np.bincount(positives.keys // positives.width, minlength=dataset.n_queries)[query]
        return pl.DataFrame({name: values.astype(np.float32) for name, values in columns.items()})


def _against_positives(
    name: str, score: Float64[np.ndarray, " rows"], query: Rows, is_positive: Bool[np.ndarray, " rows"]
) -> dict[str, Float64[np.ndarray, " rows"]]:
    table = pl.DataFrame({"query": query, "score": score, "comparable": is_positive & ~np.isnan(score)})
    positive = pl.when("comparable").then("score")
    near = table.select(
        lowest=positive.min().over("query"), mean=positive.mean().over("query"), highest=positive.max().over("query")
    ).fill_null(np.nan)
    distances = {f"{name}-{which}_positive": score - near[which].to_numpy() for which in near.columns}
    lowest = near["lowest"].to_numpy()
    ratio = np.divide(score, np.abs(lowest), out=np.full(len(score), np.nan), where=np.abs(lowest) > 1e-6)
    return {name: score, f"{name}/positive": ratio, **distances}
