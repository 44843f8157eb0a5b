"""A short trial of everything that takes long: how fast this machine encodes, scores, searches and trains."""

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.ladders.rungs import Rung
from hardneg.losses import InfoNCE
from hardneg.losses.weighted_sum import without_teacher
from hardneg.pipeline.preflight import check_files, check_parts
from hardneg.randomness import permutation
from hardneg.recipe import Stage
from hardneg.recipe.trust import measuring_with
from hardneg.scoring.protocol import Priced, Scorer
from hardneg.sources.protocol import MatchesWords
from hardneg.training.plan import TrainingData, plan_steps
from hardneg.training.settings import TrainSettings

_TEXTS, _PAIRS, _QUERIES, _STEPS = 64, 16, 64, 5
_PROBE = 0x9106E


@dataclass(frozen=True)
class Speeds:
    """How fast things go."""

    document_s: float
    query_s: float
    bm25_s: float
    bm25_query_s: float
    pair_s: dict[str, float]
    step_s: dict[str, list[float]]

    def as_dict(self) -> dict[str, Any]:
        """Give the figures by name."""
        return asdict(self)


def probe(rungs: list[Rung], dataset: Dataset, *, split: str, folder: Path) -> Speeds:
    """Check that everything that the rungs name is there, and try each thing for a moment."""
    for rung in rungs:
        if rung.is_trained:
            check_parts(rung.recipe)
            check_files(rung.recipe, dataset)
    queries = dataset.queries_of(split)
    recipe = rungs[0].recipe
    encoder = measuring_with(recipe.model, recipe).encoder()
    documents = _sample(dataset.document_texts, np.arange(dataset.n_documents))
    encoder.encode_documents(documents[:8])  # the first batch pays for what is prepared once
    bm25 = next((one for rung in rungs for one in rung.recipe.sources if isinstance(one, MatchesWords)), None)
    try:
        return Speeds(
            document_s=_timed(lambda: encoder.encode_documents(documents)) / len(documents),
            query_s=_timed(lambda: encoder.encode_queries(_sample(dataset.query_texts, queries))) / _TEXTS,
            **_bm25(bm25, dataset, queries),
            pair_s=_teachers(rungs, dataset, queries),
            step_s={rung.name: _steps(rung, dataset, folder) for rung in rungs if rung.is_trained},
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def count_steps(dataset: Dataset, settings: TrainSettings, *, split: str) -> int:
    """Count the steps of whole epochs, as without a budget."""
    from hardneg.training.sampling.batches import MinedNegatives, training_pairs

    query, document = training_pairs(dataset, split, max_pairs=settings.max_pairs, seed=settings.seed)
    data = TrainingData(dataset, query, document, MinedNegatives(None, n_queries=dataset.n_queries))
    return len(plan_steps(data, settings))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _sample(texts: pl.Series, members: Int32[np.ndarray, " texts"]) -> list[str]:
    """Take as many texts as a probe looks at, the same one twice if there are fewer."""
    order = permutation(_PROBE, size=len(members))
    return texts.gather(members[np.resize(order, _TEXTS)]).fill_null("").to_list()


def _bm25(source: MatchesWords | None, dataset: Dataset, queries: Int32[np.ndarray, " queries"]) -> dict[str, float]:
    if source is None:
        return {"bm25_s": 0.0, "bm25_query_s": 0.0}
    block = queries[:_QUERIES]
    first = _timed(lambda: source.retrieve(dataset, block, 100))
    again = _timed(lambda: source.retrieve(dataset, block, 100))
    return {"bm25_s": max(0.0, first - again), "bm25_query_s": again / len(block)}


def _teachers(rungs: list[Rung], dataset: Dataset, queries: Int32[np.ndarray, " queries"]) -> dict[str, float]:
    """Let each teacher score a few pairs; one that costs money is not asked."""
    teachers: dict[str, Scorer] = {repr(one): one for rung in rungs for one in rung.recipe.teachers}
    query = np.resize(queries, _PAIRS)
    document = permutation(_PROBE, size=dataset.n_documents)
    document = np.resize(document, _PAIRS).astype(np.int32)
    return {
        name: _timed(lambda teacher=teacher: teacher.score(dataset, query, document)) / _PAIRS  # type: ignore[misc]
        for name, teacher in teachers.items()
        if not isinstance(teacher, Priced)
    }


def _steps(rung: Rung, dataset: Dataset, folder: Path) -> list[float]:
    """Train each stage of a rung for a few steps, on random negatives."""
    return [
        _step_s(rung, stage, dataset, folder / f"{rung.name}-{number}")
        for number, stage in enumerate(rung.recipe.stages)
    ]


def _step_s(rung: Rung, stage: Stage, dataset: Dataset, out: Path) -> float:
    from hardneg.training.trial import seconds_a_step

    settings = replace(
        stage.train.without_mined,
        max_steps=_STEPS,
        mask=None,
        loss=without_teacher(stage.train.loss) or InfoNCE(),
        trackers=(),
    )
    negatives = _random(dataset, stage) if stage.sources else None
    step_s = seconds_a_step(rung.recipe.model, dataset, negatives, settings=settings, split=stage.mine.split, out=out)
    shutil.rmtree(out)
    return step_s


def _random(dataset: Dataset, stage: Stage) -> pl.DataFrame:
    """Give every query as many random documents as will be mined for it."""
    from hardneg.sources import Random

    queries = dataset.queries_of(stage.mine.split)
    return Random(seed=_PROBE).retrieve(dataset, queries, stage.select.per_query)
