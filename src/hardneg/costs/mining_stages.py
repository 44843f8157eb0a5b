"""From what mining fewer documents cost to what mining all of them will."""

from hardneg.costs.calibration import Calibration, Found
from hardneg.costs.line import Line
from hardneg.costs.stages import Stage
from hardneg.costs.workload import Workload

_BEGIN = {"bm25": "index for BM25", "vectors": "load vectors"}
_SEARCH = {"bm25": "search with BM25", "vectors": "search vectors"}
_SMALLER = 4  # times fewer documents in the second trial


def mining_stages(work: Workload, calibration: Calibration, dim: int | None) -> tuple[float, list[Stage]]:
    """Predict the stages of mining."""
    n_queries = min(work.queries, calibration.sizes.queries)
    sources = ["vectors" if name == "dense" else name for name in work.sources]
    given: Found = {"sources": sources, "dim": dim, "depth": work.depth, "per_query": work.per_query}
    given |= {"queries": n_queries, "products": n_queries * work.documents * (dim or 0)}
    given |= {"encoded": "dense" in work.sources}
    trials = [(n, calibration.trial("mining", given | {"documents": n})) for n in _sizes(work, calibration, dim)]

    def at(stage: str, what: str) -> float:
        return Line.of([(n, found[stage][what]) for n, found in trials]).at(work.documents)

    documents, queries, blocks = f"{work.documents:,} documents", f"{work.queries:,} queries", work.queries / n_queries
    text_gb = work.documents * calibration.texts.document_bytes / 1e9
    disk_gb = blocks * trials[-1][1]["block_bytes"] / 1e9
    stages = [
        Stage("read the dataset", documents, at("read", "once_s"), at("read", "memory_gb"), text_gb, "on each"),
    ]
    names = [(name, _BEGIN[name], _SEARCH[name], 0.0) for name in sources]
    for name, begin, search, disk in [*names, ("filters", "prepare filters", "filter, choose, write", disk_gb)]:
        memory_gb = at(name, "memory_gb")
        stages.append(Stage(begin, documents, at(name, "once_s"), memory_gb, spread="on each"))
        stages.append(Stage(search, queries, blocks * at(name, "block_s"), memory_gb, disk))
    return min(found["start_s"] for _, found in trials), stages


def _sizes(work: Workload, calibration: Calibration, dim: int | None) -> list[int]:
    """Choose numbers of documents to try: as many as there are if they are few, else two for a line through both."""
    sizes = calibration.sizes
    most = [sizes.documents, int(sizes.text_bytes / max(calibration.texts.document_bytes, 1))]
    most += [] if dim is None else [sizes.vector_bytes // (4 * dim)]
    larger = max(min(most), _SMALLER)
    return [work.documents] if work.documents <= larger else [larger // _SMALLER, larger]
