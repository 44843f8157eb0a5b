"""From what trials cost to what the whole will cost."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hardneg.forecast.calibration import Calibration, Found
from hardneg.forecast.line import Line
from hardneg.forecast.workload import Workload

Spread = Literal["over", "on each", "on one"]

_READING = 2.3  # times the size of the texts: peak memory of reading a dataset of JSON lines (benchmarks/README.md)
_SCORE_BYTES = 48  # of a row in the store of scores
_TRAINING_COPIES = 4  # of the weights on disk: the model; in a checkpoint weights and two moments


@dataclass(frozen=True)
class Stage:
    """A part of the work, and what it will cost.

    Args:
        name: What is done.
        work: On how much.
        seconds: On one machine like this one.
        memory_gb: Peak memory of its process.
        disk_gb: What it leaves on disk.
        spread: Whether several machines share it, each of them does all of it, or only one does it.
    """

    name: str
    work: str
    seconds: float
    memory_gb: float
    disk_gb: float = 0.0
    spread: Spread = "over"


@dataclass(frozen=True)
class Forecast:
    """What the work will cost.

    Args:
        stages: In the order in which they are done.
    """

    stages: tuple[Stage, ...]

    @property
    def memory_gb(self) -> float:
        """Memory that a machine needs."""
        return max(stage.memory_gb for stage in self.stages)

    @property
    def disk_gb(self) -> float:
        """Disk that all of it takes."""
        return sum(stage.disk_gb for stage in self.stages)

    def seconds(self, machines: int = 1) -> float:
        """Sum up the time.

        Args:
            machines: How many like this one share the work, at least 1.

        Returns:
            Seconds from the beginning to the end.
        """
        return sum(stage.seconds / (machines if stage.spread == "over" else 1) for stage in self.stages)

    def machines(self, hours: float) -> int | None:
        """Count the machines like this one that are done in time.

        Args:
            hours: The time.

        Returns:
            How many; None if no number of them is: what each of them or only one of them can do takes longer.
        """
        shared = sum(stage.seconds for stage in self.stages if stage.spread == "over")
        left = hours * 3600 - (self.seconds() - shared)
        return max(1, math.ceil(shared / left)) if left > 0 else None

    def as_dict(self) -> dict[str, Any]:
        """Give the stages and the sums by name."""
        stages = [asdict(stage) for stage in self.stages]
        return {"stages": stages, "seconds": self.seconds(), "memory_gb": self.memory_gb, "disk_gb": self.disk_gb}


def forecast(work: Workload, calibration: Calibration) -> Forecast:
    """Predict what work will cost on this machine.

    Whatever has not been tried here before is tried, for some seconds each.

    Args:
        work: What is to be done.
        calibration: What was tried.

    Returns:
        The stages and their costs.

    Raises:
        InputError: Something cannot be tried, say because a model does not exist.
    """
    text_gb = work.documents * calibration.texts.document_bytes / 1e9
    encoder = _encoder(work, calibration)
    dim = encoder["dim"] if encoder else work.dim
    mining = calibration.trial(
        "mining", {"sources": list(work.sources), "dim": dim, "depth": work.depth, "per_query": work.per_query}
    )
    stages = [_reading(work, mining, text_gb)]
    if encoder and "dense" in work.sources:
        stages += _encoding(work, encoder, text_gb)
    held_gb = text_gb
    if "bm25" in work.sources:
        tried = calibration.trial("bm25", {"depth": work.depth})
        stages += _bm25(work, tried, held_gb)
        held_gb += stages[-1].memory_gb - tried["base_gb"] - held_gb
    if dim and {"dense", "vectors"} & set(work.sources):
        tried = calibration.trial("vectors", {"dim": dim, "depth": work.depth})
        memory_gb = held_gb + Line.of(tried["memory_gb"]).at(work.documents)
        seconds = work.queries * Line.of(tried["query_s"]).at(work.documents)
        stages.append(Stage("search vectors", _queries(work), seconds, memory_gb))
        held_gb = memory_gb - tried["base_gb"]
    stages.append(_filtering(work, mining, stages[-1].memory_gb))
    if work.teacher is not None:
        tried = calibration.trial("scoring", {"teacher": work.teacher, "max_tokens": work.max_tokens})
        seconds, disk_gb = work.pairs * tried["pair_s"], work.pairs * _SCORE_BYTES / 1e9
        stages.append(
            Stage("score by the teacher", f"{work.pairs:,} pairs", seconds, tried["memory_gb"] + text_gb, disk_gb)
        )
    if work.train_steps:
        stages.append(_training(work, calibration, text_gb))
    return Forecast(tuple(stages))


def _encoder(work: Workload, calibration: Calibration) -> Found | None:
    if "dense" not in work.sources:
        return None
    return calibration.trial("encoding", {"model": work.model, "max_tokens": work.max_tokens})


def _reading(work: Workload, mining: Found, text_gb: float) -> Stage:
    memory_gb = mining["base_gb"] + _READING * text_gb
    return Stage(
        "read the dataset", _documents(work), work.documents * mining["document_s"], memory_gb, text_gb, "on each"
    )


def _encoding(work: Workload, encoder: Found, text_gb: float) -> list[Stage]:
    memory_gb, vector_gb = encoder["memory_gb"] + text_gb, encoder["dim"] * 4 / 1e9
    documents = (_documents(work), work.documents * encoder["document_s"], memory_gb, work.documents * vector_gb)
    queries = (_queries(work), work.queries * encoder["query_s"], memory_gb, work.queries * vector_gb)
    return [Stage("encode documents", *documents), Stage("encode queries", *queries)]


def _bm25(work: Workload, tried: Found, text_gb: float) -> list[Stage]:
    memory_gb = text_gb + Line.of(tried["memory_gb"]).at(work.documents)
    indexing = work.documents * tried["document_s"]
    searching = work.queries * Line.of(tried["query_s"]).at(work.documents)
    return [
        Stage("index for BM25", _documents(work), indexing, memory_gb, spread="on each"),
        Stage("search with BM25", _queries(work), searching, memory_gb),
    ]


def _filtering(work: Workload, mining: Found, memory_gb: float) -> Stage:
    seconds, disk_gb = work.queries * mining["query_s"], work.queries * mining["query_bytes"] / 1e9
    return Stage("filter, choose, write", _queries(work), seconds, memory_gb + mining["block_gb"], disk_gb)


def _training(work: Workload, calibration: Calibration, text_gb: float) -> Stage:
    given = {name: getattr(work, name) for name in ("model", "max_tokens", "batch_size", "negatives_per_row")}
    tried = calibration.trial("training", given)
    seconds, disk_gb = work.train_steps * tried["step_s"], _TRAINING_COPIES * tried["disk_gb"]
    memory_gb = tried["memory_gb"] + text_gb
    return Stage("train", f"{work.train_steps:,} steps", seconds, memory_gb, disk_gb, "on one")


def _documents(work: Workload) -> str:
    return f"{work.documents:,} documents"


def _queries(work: Workload) -> str:
    return f"{work.queries:,} queries"
