"""From what trials cost to what the whole will cost."""

from hardneg.costs.calibration import Calibration, Found
from hardneg.costs.mining_stages import mining_stages
from hardneg.costs.stages import Forecast, Stage
from hardneg.costs.workload import Workload

_SCORE_BYTES = 48  # of a row in the store of scores
_TRAINING_COPIES = 4  # of the weights on disk: the model; in a checkpoint weights and two moments


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
    starts: list[float] = []
    stages: list[Stage] = []
    if work.sources:
        encoder = _encoder(work, calibration)
        start_s, stages = mining_stages(work, calibration, encoder["dim"] if encoder else work.dim)
        starts.append(max(start_s, encoder["start_s"]) if encoder else start_s)
        stages[1:1] = _encoding(work, encoder, text_gb) if encoder else []
    if work.teacher is not None:
        tried = calibration.trial("scoring", {"teacher": work.teacher, "max_tokens": work.max_tokens})
        starts.append(tried["start_s"])
        stages.append(_scoring(work, tried, text_gb))
    if work.train_steps:
        given = {name: getattr(work, name) for name in ("model", "max_tokens", "batch_size", "negatives_per_row")}
        tried = calibration.trial("training", given)
        starts.append(tried["start_s"])
        stages.append(_training(work, tried, text_gb))
    start = Stage("start", "", sum(starts), 0.0, spread="on each")
    return Forecast((start, *stages))


def _encoder(work: Workload, calibration: Calibration) -> Found | None:
    if "dense" not in work.sources:
        return None
    return calibration.trial("encoding", {"model": work.model, "max_tokens": work.max_tokens})


def _encoding(work: Workload, encoder: Found, text_gb: float) -> list[Stage]:
    memory_gb, vector_gb = encoder["memory_gb"] + text_gb, encoder["dim"] * 4 / 1e9
    found = []
    for kind, n in (("document", work.documents), ("query", work.queries)):
        plural = {"document": "documents", "query": "queries"}[kind]
        seconds = n * encoder[f"{kind}_s"]
        found.append(Stage(f"encode {plural}", f"{n:,} {plural}", seconds, memory_gb, n * vector_gb))
    return found


def _scoring(work: Workload, tried: Found, text_gb: float) -> Stage:
    seconds, disk_gb = work.pairs * tried["pair_s"], work.pairs * _SCORE_BYTES / 1e9
    return Stage("score by the teacher", f"{work.pairs:,} pairs", seconds, tried["memory_gb"] + text_gb, disk_gb)


def _training(work: Workload, tried: Found, text_gb: float) -> Stage:
    seconds, disk_gb = work.train_steps * tried["step_s"], _TRAINING_COPIES * tried["disk_gb"]
    return Stage("train", f"{work.train_steps:,} steps", seconds, tried["memory_gb"] + text_gb, disk_gb, "on one")
