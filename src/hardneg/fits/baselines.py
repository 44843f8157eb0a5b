"""Systems on development queries: what is trained, what is not, and both together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

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

BM25, ZERO_SHOT = "bm25", "zero_shot"


@dataclass(frozen=True, eq=False)
class System:
    """What a system ranked first for each query, and how good that is."""

    name: str
    per_query: pl.DataFrame
    rankings: pl.DataFrame  # `query_id`, `doc_id`, `rank`, `score`


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


def among(system: System, dataset: Dataset, *, split: str) -> System:
    """Rank again what a system found of the documents that a dataset has, for the queries that it asks."""
    found = system.rankings.join(dataset.documents.select(doc_id="id"), on="doc_id", how="semi", maintain_order="left")
    found = only(found, dataset.queries["id"].gather(dataset.queries_of(split)))
    ranks = (pl.int_range(1, pl.len() + 1).over("query_id", order_by="rank")).cast(found.schema["rank"])
    run = found.with_columns(rank=ranks)
    labels = dataset.with_ids(dataset.qrels.filter(pl.col("split") == split).select("query", "document", "relevance"))
    names = [column for column in system.per_query.columns if column != "query_id"]
    return System(system.name, measure(labels, run, names=names), run)


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
