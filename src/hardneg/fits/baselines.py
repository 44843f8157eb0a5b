"""Systems on development queries: what is trained, what is not, and both together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.evaluation.fusion import by_ranks, by_scores, tuned_weight
from hardneg.evaluation.metrics import measure
from hardneg.evaluation.retrieval import evaluate
from hardneg.files import replacing
from hardneg.fits.halves import only
from hardneg.runs import layout
from hardneg.runs.done import is_done
from hardneg.runs.parts import read_table
from hardneg.sources import Source
from hardneg.sources.retrieval import RETRIEVAL_SCHEMA

BM25, ZERO_SHOT = "bm25", "zero_shot"


@dataclass(frozen=True, eq=False)
class System:
    """What a system ranked first for each query, and how good that is."""

    name: str
    per_query: pl.DataFrame
    rankings: pl.DataFrame  # `query_id`, `doc_id`, `rank`, `score`


@dataclass(frozen=True, eq=False)
class Replayed:
    """What a system found already, of the documents that a dataset has, as a source."""

    name: str
    rankings: pl.DataFrame

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Take the best documents of some queries."""
        asked = dataset.queries[block].select(query_id="id")
        ranked = self.rankings.join(asked, on="query_id", how="semi", maintain_order="left")
        ranked = ranked.join(dataset.documents.select(doc_id="id"), on="doc_id", how="semi", maintain_order="left")
        rows = dataset.positions(ranked).sort("query", "rank")
        rows = rows.with_columns(rank=pl.int_range(1, pl.len() + 1).over("query")).filter(pl.col("rank") <= depth)
        return rows.select(pl.col(name).cast(dtype) for name, dtype in RETRIEVAL_SCHEMA.items())

    def fingerprint(self) -> str:
        """Hash of what was found."""
        return str(self.rankings.hash_rows().sum())


def measured_on(
    dataset: Dataset, source: Callable[[], Source], *, split: str, name: str, place: Path, options: Mapping[str, Any]
) -> System:
    """Measure a source on a split, unless it is done; figures and rankings are kept in a folder."""
    ranked = place / "rankings.parquet"
    if not is_done(place / layout.METRICS, place / layout.PER_QUERY, ranked):
        evaluation = evaluate(dataset, source(), split=split, name=name, **options)
        with replacing(ranked) as temporary:
            evaluation.run.write_parquet(temporary)
        evaluation.write(place)
    return System(name, read_table(place / layout.PER_QUERY), read_table(ranked))


def fused(
    dataset: Dataset, first: System, second: System, *, split: str, name: str, tuned_on: pl.Series
) -> tuple[dict[str, System], float]:
    """Put two systems together, by their ranks and by a sum of scores; some queries choose the weight of the second."""
    labels = dataset.qrels.filter(pl.col("split") == split).select("query", "document", "relevance")
    qrels = only(dataset.with_ids(labels), first.per_query["query_id"])
    parts = [only(system.rankings, tuned_on) for system in (first, second)]
    weight = tuned_weight(parts[0], parts[1], only(qrels, tuned_on), name=name)
    names = [column for column in first.per_query.columns if column != "query_id"]
    runs = {
        f"{first.name} + {second.name}, by rank": by_ranks(first.rankings, second.rankings),
        f"{first.name} + {second.name}, weighted": by_scores(first.rankings, second.rankings, weight=weight),
    }
    return {key: System(key, measure(qrels, run, names=names), run) for key, run in runs.items()}, weight
