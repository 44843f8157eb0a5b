"""From what trials on made texts cost to what a workload will cost."""

from collections.abc import Iterable
from dataclasses import asdict, replace

from hardneg.costs.calibration import Found, Trials
from hardneg.costs.estimate import Estimate, StageCost
from hardneg.costs.indexes import cheaper_index
from hardneg.costs.line import CostLine
from hardneg.costs.moving import Moving
from hardneg.costs.workload import Workload

_SCORE_BYTES = 48  # of a row in the store of scores
TRAINING_COPIES = 4  # of the weights on disk: the model; in a checkpoint weights and two moments
LOADING = "load vectors"
_BEGIN = {"bm25": "index for BM25", "vectors": LOADING}
_SEARCH = {"bm25": "search with BM25", "vectors": "search vectors"}
_SMALLER = 4  # times fewer documents in the second trial


def forecast(work: Workload, calibration: Trials) -> Estimate:
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
    starts, vectors_gb, index = list[float](), 0.0, None
    stages: list[StageCost] = []
    if work.sources:
        encoder = _encoder(work, calibration)
        start_s, stages = mining_stages(work, calibration, encoder["dim"] if encoder else work.dim)
        if dim := encoder["dim"] if encoder else work.dim:
            vectors_gb, counts = work.documents * 4e-9 * dim, {"documents": work.documents, "queries": work.queries}
            index = cheaper_index(calibration, **counts, dim=dim, depth=work.depth)
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
    start = StageCost("start", "", sum(starts), 0.0, spread="on each")
    rows, about = work.queries * work.depth, calibration.texts.about
    return Estimate((start, *in_shards(stages, vectors_gb)), (), about, asdict(work), vectors_gb, rows, index)


def in_shards(stages: Iterable[StageCost], vectors_gb: float) -> list[StageCost]:
    """Have machines share the loading of vectors that are searched in shards: each loads its own."""
    shards = Moving(vectors_gb=vectors_gb).shards
    return [
        replace(stage, spread="over", most=shards) if shards > 1 and stage.name.startswith(LOADING) else stage
        for stage in stages
    ]


def _encoder(work: Workload, calibration: Trials) -> Found | None:
    if "dense" not in work.sources:
        return None
    return calibration.trial("encoding", {"model": work.model, "max_tokens": work.max_tokens})


def _encoding(work: Workload, encoder: Found, text_gb: float) -> list[StageCost]:
    memory_gb, vector_gb = encoder["memory_gb"] + text_gb, encoder["dim"] * 4 / 1e9
    stages = []
    for kind, n in (("document", work.documents), ("query", work.queries)):
        plural = {"document": "documents", "query": "queries"}[kind]
        seconds = n * encoder[f"{kind}_s"]
        stages.append(StageCost(f"encode {plural}", f"{n:,} {plural}", seconds, memory_gb, n * vector_gb))
    return stages


def _scoring(work: Workload, tried: Found, text_gb: float) -> StageCost:
    seconds, disk_gb = work.pairs * tried["pair_s"], work.pairs * _SCORE_BYTES / 1e9
    return StageCost("score by the teacher", f"{work.pairs:,} pairs", seconds, tried["memory_gb"] + text_gb, disk_gb)


def _training(work: Workload, tried: Found, text_gb: float) -> StageCost:
    seconds, disk_gb = work.train_steps * tried["step_s"], TRAINING_COPIES * tried["disk_gb"]
    return StageCost("train", f"{work.train_steps:,} steps", seconds, tried["memory_gb"] + text_gb, disk_gb, "on one")


def mining_stages(work: Workload, calibration: Trials, dim: int | None) -> tuple[float, list[StageCost]]:
    """Predict the stages of mining."""
    n_queries = min(work.queries, calibration.sizes.queries)
    sources = ["vectors" if name == "dense" else name for name in work.sources]
    given: Found = {"sources": sources, "dim": dim, "depth": work.depth, "per_query": work.per_query}
    given |= {"queries": n_queries, "products": n_queries * work.documents * (dim or 0)}
    given |= {"encoded": "dense" in work.sources}
    trials = [(n, calibration.trial("mining", given | {"documents": n})) for n in _sizes(work, calibration, dim)]

    def at(stage: str, what: str) -> float:
        return CostLine.of([(n, figures[stage][what]) for n, figures in trials]).at(work.documents)

    documents, queries, blocks = f"{work.documents:,} documents", f"{work.queries:,} queries", work.queries / n_queries
    text_gb = work.documents * calibration.texts.document_bytes / 1e9
    disk_gb = blocks * trials[-1][1]["block_bytes"] / 1e9
    stages = [
        StageCost("read the dataset", documents, at("read", "once_s"), at("read", "memory_gb"), text_gb, "on each"),
    ]
    names = [(name, _BEGIN[name], _SEARCH[name], 0.0) for name in sources]
    for name, begin, search, disk in [*names, ("filters", "prepare filters", "filter, choose, write", disk_gb)]:
        memory_gb = at(name, "memory_gb")
        stages.append(StageCost(begin, documents, at(name, "once_s"), memory_gb, spread="on each"))
        stages.append(StageCost(search, queries, blocks * at(name, "block_s"), memory_gb, disk))
    return min(figures["start_s"] for _, figures in trials), stages


def _sizes(work: Workload, calibration: Trials, dim: int | None) -> list[int]:
    """Choose numbers of documents to try: as many as there are if they are few, else two for a line through both."""
    sizes = calibration.sizes
    most = [sizes.documents, int(sizes.text_bytes / max(calibration.texts.document_bytes, 1))]
    most += [] if dim is None else [sizes.vector_bytes // (4 * dim)]
    larger = max(min(most), _SMALLER)
    return [work.documents] if work.documents <= larger else [larger // _SMALLER, larger]
