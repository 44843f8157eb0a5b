"""What the learned filter looks at: how a candidate stands to its query and to the query's known answers."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Float64, Int32

from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.filters.columns import scores, suffixes
from hardneg.filters.learned.co_labels import CoLabels
from hardneg.filters.learned.neighbours import neighbour_features
from hardneg.filters.learned.overlap import WordSets
from hardneg.filters.rows import each_query, largest_and_mean, rows_by_query
from hardneg.scoring.protocol import Scorer
from hardneg.sources.protocol import TextVectors


@dataclass(frozen=True)
class Features:
    """Describes candidates by numbers, not a number where something is unknown.

    For each source: rank, score, and the score's distance to the weakest, the mean and the strongest known
    positive. Over all: how many sources found it; similarity to the known positives (vectors and words, largest
    and mean); words shared with the query; lengths; how many positives the query has; how often other queries
    call the document an answer, and how often such queries share an answer with this one (`CoLabels`); a
    teacher's score and its distance to the positives', if there is one.

    Nothing here looks at the label of the row itself, so a positive that was hidden is described like an
    answer that nobody ever labelled.
    """

    split: str
    vectors: TextVectors | None = None
    scorers: tuple[Scorer, ...] = ()

    def describe(self, candidates: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
        """Describe rows; the rows of known positives must be among them."""
        query, document = candidates["query"].to_numpy(), candidates["document"].to_numpy()
        positives = dataset.positives_of(self.split)
        known = positives.contains(query, document)
        columns: dict[str, Float64[np.ndarray, " rows"]] = {}
        found = np.zeros(len(query))
        for name in suffixes(candidates, "rank"):
            rank = candidates[f"rank.{name}"].cast(pl.Float64).fill_null(np.nan).to_numpy()
            columns[f"rank.{name}"] = rank
            found += ~np.isnan(rank)
        columns["n_sources"] = found
        for name in suffixes(candidates, "score"):
            columns |= _against_positives(f"score.{name}", scores(candidates, name), query, known)
        for scorer in self.scorers:
            score = scorer.score(dataset, query, document).astype(np.float64)
            columns |= _against_positives(f"score.{scorer.name}", score, query, known)
        if "teacher_score" in candidates.columns:
            teacher = candidates["teacher_score"].cast(pl.Float64).fill_null(np.nan).to_numpy()
            columns |= _against_positives("teacher", teacher, query, known)
        columns |= WordSets.of(dataset).describe(positives, query, document)
        if self.vectors is not None:
            columns |= _similarity(self.vectors.vectors_of_documents(dataset), positives, query, document)
            columns |= neighbour_features(self.vectors, dataset, self.split, query, document)
        columns |= CoLabels.of(dataset, self.split).describe(dataset, query, document)
        columns["n_positives"] = _counts(positives, dataset.n_queries)[query]
        return pl.DataFrame({name: values.astype(np.float32) for name, values in columns.items()})


def _against_positives(
    name: str,
    score: Float64[np.ndarray, " rows"],
    query: Int32[np.ndarray, " rows"],
    known: Bool[np.ndarray, " rows"],
) -> dict[str, Float64[np.ndarray, " rows"]]:
    table = pl.DataFrame({"query": query, "score": score, "known": known & ~np.isnan(score)})
    positive = pl.when("known").then("score")
    near = table.select(
        lowest=positive.min().over("query"), mean=positive.mean().over("query"), highest=positive.max().over("query")
    ).fill_null(np.nan)
    distances = {f"{name}-{which}_positive": score - near[which].to_numpy() for which in near.columns}
    lowest = near["lowest"].to_numpy()
    ratio = np.divide(score, np.abs(lowest), out=np.full(len(score), np.nan), where=np.abs(lowest) > 1e-6)
    return {name: score, f"{name}/positive": ratio, **distances}


def _similarity(
    vectors: Float32[np.ndarray, "documents dim"],
    known: PairSet,
    query: Int32[np.ndarray, " rows"],
    document: Int32[np.ndarray, " rows"],
) -> dict[str, Float64[np.ndarray, " rows"]]:
    """Compare candidates with the known positives of their query, themselves left out."""
    largest, mean = np.full(len(query), np.nan), np.full(len(query), np.nan)
    for _, rows in each_query(rows_by_query(query), "comparing vectors with known answers"):
        positives = known.of(int(query[rows[0]]))
        if len(positives):
            product = vectors[document[rows]].astype(np.float64) @ vectors[positives].astype(np.float64).T
            largest[rows], mean[rows] = largest_and_mean(product, document[rows], positives)
    return {"similarity.max": largest, "similarity.mean": mean}


def _counts(known: PairSet, n_queries: int) -> Float64[np.ndarray, " queries"]:
    return np.bincount(known.keys // known.width, minlength=n_queries).astype(np.float64)
