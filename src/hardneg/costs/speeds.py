"""How fast the parts of recipes are on this machine: each is tried for a moment by itself, on the recipes' dataset."""

import shutil
from collections.abc import Callable, Container, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from hardneg.addresses import is_endpoint
from hardneg.data.dataset import Dataset
from hardneg.filters.protocol import Scoring
from hardneg.losses import InfoNCE
from hardneg.losses.weighted_sum import without_teacher
from hardneg.randomness import permutation
from hardneg.recipe import Recipe, Stage
from hardneg.recipe.stage import stages_in
from hardneg.recipe.trust import measuring_with
from hardneg.runs.cost import Cost, measured
from hardneg.scoring.protocol import Priced, Scorer
from hardneg.sources import Random, Source
from hardneg.sources.protocol import Encodes
from hardneg.training.folder import TrainingFolder
from hardneg.training.settings import TrainSettings

_TEXTS, _PAIRS, _QUERIES, _STEPS = 64, 16, 64, 5
_WARM_UP = 2  # steps that pay for what is prepared once
_PROBE = 0x9106E


@dataclass(frozen=True)
class Part:
    """What a part of the work costs once, and for each thing that it works on."""

    once_s: float
    each_s: float
    memory_gb: float = 0.0  # peak of its process
    disk_gb: float = 0.0  # of a vector, or of a trained model

    def seconds(self, things: int) -> float:
        """Predict the time for a number of things."""
        return self.once_s + things * self.each_s


_FREE = Part(0.0, 0.0)


@dataclass(frozen=True)
class Speeds:
    """What was tried, by what it is; what was not is taken to cost nothing."""

    parts: Mapping[str, Part]

    def knows(self, name: str) -> bool:
        """Say whether the training of a recipe was tried."""
        return f"train {name} 0" in self.parts

    def documents(self, encoder: Encodes) -> Part:
        """Encoding documents."""
        return self.parts.get(f"documents {_model(encoder)}", _FREE)

    def queries(self, encoder: Encodes) -> Part:
        """Encoding queries."""
        return self.parts.get(f"queries {_model(encoder)}", _FREE)

    def encoding(self, encoder: Encodes, *, documents: int, queries: int) -> float:
        """Seconds to encode both."""
        return self.documents(encoder).seconds(documents) + self.queries(encoder).seconds(queries)

    def search(self, source: Source) -> Part:
        """Searching for queries; of dense sources only encoding is tried."""
        return self.parts.get(f"search {source!r}", _FREE)

    def score(self, scorer: object) -> Part:
        """Scoring pairs."""
        return self.parts.get(f"score {scorer!r}", _FREE)

    def step(self, name: str, stage: int) -> Part:
        """Steps of training, in a stage of a recipe."""
        return self.parts.get(f"train {name} {stage}", _FREE)

    def as_dict(self) -> dict[str, Any]:
        """Give the figures by name."""
        return {name: asdict(part) for name, part in self.parts.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Mapping[str, float]]) -> "Speeds":
        """Take what `as_dict` gave."""
        return cls({name: Part(**part) for name, part in values.items()})


def measure(
    recipes: Mapping[str, Recipe],
    dataset: Dataset,
    *,
    split: str,
    folder: Path,
    seconds: float = 0.0,
    untrained: Container[str] = (),
) -> Speeds:
    """Try each part of some recipes; a judge that costs money is not asked, and takes no time here.

    Scorers of filters are tried only if there are seconds for it.
    """
    queries = dataset.queries_of(split)
    stages = [(name, number, stage) for name, each in recipes.items() for number, stage in enumerate(each.stages)]
    sources = [
        one.with_model(recipes[name].model) if isinstance(one, Encodes) and stages_in(one) else one
        for name, _, stage in stages
        for one in stage.sources
    ]
    encoders: list[Encodes] = [measuring_with(each.model, each) for each in recipes.values()]
    encoders += [one for one in sources if isinstance(one, Encodes)]
    parts: dict[str, Part] = {}
    here = {_model(one): one for one in encoders if not is_endpoint(one.model)}  # what a server is asked costs money
    for encoder in here.values():
        parts |= _encoder(encoder, dataset, queries, seconds=seconds)
    for name, source in {repr(one): one for one in sources if not isinstance(one, Encodes)}.items():
        ask = partial(source.retrieve, dataset, depth=100)
        parts[f"search {name}"] = tried(queries, ask, few=_QUERIES, seconds=seconds)
    scorers = [one for each in recipes.values() for one in each.teachers]
    scorers += [one for _, _, stage in stages for one in scorers_of(stage)] if seconds else []
    free = {
        repr(one): one for one in scorers if not isinstance(one, Priced) and not is_endpoint(getattr(one, "model", ""))
    }
    parts |= _scorers(free, dataset, queries, seconds=seconds)
    for name, number, stage in stages:
        if name in untrained:
            continue
        parts[f"train {name} {number}"] = _step(recipes[name].model, stage, dataset, folder / f"{name}-{number}")
    return Speeds(parts)


def refreshes(stage: Stage) -> int:
    """Count how often a stage mines again while it trains."""
    refresh = stage.train.refresh
    if refresh is None:
        return 0
    done = stage.train.max_steps if refresh.unit == "steps" else stage.train.epochs
    return max(0, ((done or 1) - 1) // refresh.every)


def scorers_of(stage: Stage) -> list[Scorer]:
    """List the scorers that the filters of a stage ask."""
    return [one.scorer for one in stage.filters if isinstance(one, Scoring) and one.scorer is not None]


def tried(things: Any, work: Callable[[Any], object], *, few: int, seconds: float = 0.0) -> Part:  # noqa: ANN401
    """Work on a few things, then on as many others as take some seconds; what the first took longer comes once."""
    first = cost(lambda: work(things[:few]))
    wanted = max(few, int(few * seconds / max(first.wall_s, 1e-3)))
    more = (things[few:] if len(things) >= 2 * few else things)[:wanted]  # others, or a cache would answer
    again = cost(lambda: work(more))
    each_s = again.wall_s / len(more)
    return Part(max(first.wall_s - each_s * len(things[:few]), 0.0), each_s, max(first.peak_gb, again.peak_gb))


def cost(work: Callable[[], object]) -> Cost:
    """Do something and say what it cost."""
    costs: dict[str, Cost] = {}
    with measured(costs, "work"):
        work()
    return costs["work"]


def train_a_little(
    model: str,
    dataset: Dataset,
    negatives: pl.DataFrame | None,
    *,
    settings: TrainSettings,
    split: str = "train",
    out: Path,
) -> Part:
    """Train for a few steps and say what one costs."""
    from hardneg.training.loop import train

    spent = cost(lambda: train(model, dataset, negatives, settings=settings, split=split, out=out))
    seconds = [record["seconds"] or 0.0 for record in TrainingFolder(out).records()]
    size = sum(path.stat().st_size for path in (out / "model").rglob("*") if path.is_file())
    step_s = (seconds[-1] - seconds[_WARM_UP - 1]) / (len(seconds) - _WARM_UP)
    return Part(0.0, step_s, spent.peak_gb, size / 1e9)


def count_steps(dataset: Dataset, settings: TrainSettings, *, split: str) -> int:
    """Count the steps of whole epochs."""
    from hardneg.training.plan import TrainingData, plan_steps
    from hardneg.training.sampling.batches import MinedNegatives, training_pairs

    query, document = training_pairs(dataset, split, max_pairs=settings.max_pairs, seed=settings.seed)
    data = TrainingData(dataset, query, document, MinedNegatives(None, n_queries=dataset.n_queries))
    return len(plan_steps(data, settings))


def _model(encoder: Encodes) -> str:
    """Name what decides how fast it is: the model and where texts are cut, or all of it if it does not say where."""
    if not hasattr(encoder, "max_tokens"):
        return repr(encoder)
    backend = getattr(encoder, "backend", None)
    return f"{encoder.model} {encoder.max_tokens}{f' {backend}' if backend else ''}"


def _encoder(
    source: Encodes, dataset: Dataset, queries: Int32[np.ndarray, " queries"], *, seconds: float
) -> dict[str, Part]:
    encoder = source.encoder()
    few = _TEXTS // 2
    texts = _sample(dataset.document_texts, np.arange(dataset.n_documents), seconds)
    dim = encoder.encode_documents(texts[:8]).shape[1]  # the first batch pays for what is prepared once
    asked = _sample(dataset.query_texts, queries, seconds)
    parts = {
        f"documents {_model(source)}": tried(texts, encoder.encode_documents, few=few, seconds=seconds),
        f"queries {_model(source)}": tried(asked, encoder.encode_queries, few=few, seconds=seconds),
    }
    return {name: replace(part, once_s=0.0, disk_gb=dim * 4 / 1e9) for name, part in parts.items()}


def _sample(texts: pl.Series, members: Int32[np.ndarray, " texts"], seconds: float) -> list[str]:
    """Take as many texts as are looked at, the same one twice if there are fewer."""
    order = permutation(_PROBE, size=len(members))
    wanted = _TEXTS if not seconds else min(max(len(members), _TEXTS), 4_096)
    return texts.gather(members[np.resize(order, wanted)]).fill_null("").to_list()


def _scorers(
    scorers: Mapping[str, Scorer], dataset: Dataset, queries: Int32[np.ndarray, " queries"], *, seconds: float
) -> dict[str, Part]:
    """Let each scorer score a few pairs of queries and random documents."""
    n_pairs = _PAIRS if not seconds else 1_024
    query = np.resize(queries, n_pairs)
    document = np.resize(permutation(_PROBE, size=dataset.n_documents), n_pairs).astype(np.int32)
    parts = {}
    for name, scorer in scorers.items():

        def score(rows: Int64[np.ndarray, " rows"], scorer: Scorer = scorer) -> None:
            scorer.score(dataset, query[rows], document[rows])

        part = tried(np.arange(n_pairs), score, few=_PAIRS // 2, seconds=seconds)
        parts[f"score {name}"] = replace(part, once_s=0.0)
    return parts


def _step(model: str, stage: Stage, dataset: Dataset, out: Path) -> Part:
    """Train a stage for a few steps, on as many random negatives as will be mined."""
    settings = replace(
        stage.train.without_mined,
        max_steps=_STEPS,
        mask=None,
        watch=None,
        loss=without_teacher(stage.train.loss) or InfoNCE(),
        trackers=(),
    )
    queries = dataset.queries_of(stage.mine.split)
    negatives = Random(seed=_PROBE).retrieve(dataset, queries, stage.select.per_query) if stage.sources else None
    try:
        return train_a_little(model, dataset, negatives, settings=settings, split=stage.mine.split, out=out)
    finally:
        shutil.rmtree(out, ignore_errors=True)
