"""From how many documents on an approximate index is cheaper than exact search, by trials of both on few documents."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from hardneg.costs.calibration import Trials
from hardneg.costs.line import CostLine
from hardneg.models.options import is_installed

LEAST = 50_000  # documents, below which nobody asks
SIZES = (4_096, 16_384)  # documents that are tried
KIND: Literal["hnsw"] = "hnsw"  # the other kind learns its lists for longer than a trial may take
POOL = 1_000  # documents that an index gives a query: that of the source by default
_QUERIES, _FEW_QUERIES = 1_024, 64  # searched exactly, and in an index
_MOST = 10**11


@dataclass(frozen=True)
class Cheaper:
    """An index that is cheaper than exact search from some number of documents on."""

    kind: str  # as the source `approximate` names it
    documents: int | None  # None where building it takes longer than searching exactly, however many there are

    def __str__(self) -> str:
        if self.documents is None:
            return (
                f"For so few queries, building and asking an approximate index ({self.kind}) would take longer than "
                "exact search with any number of documents."
            )
        return (
            f"From about {self.documents:,} documents on, an approximate index ({self.kind}) would cost less time than "
            f"exact search, for as many queries; projected from {SIZES[-1]:,}. Exact stays the default: an index loses "
            "some."
        )


def cheaper_index(calibration: Trials, *, documents: int, queries: int, dim: int, depth: int) -> Cheaper | None:
    """Say which index is the first to be cheaper; None if FAISS is not there, or nobody asks with so few documents."""
    if documents < LEAST or not is_installed("faiss"):
        return None
    tried = calibration.trial("indexes", {"dim": dim, "depth": depth, "sizes": list(SIZES), "pool": POOL})
    first = _first_cheaper(tried, queries)
    return Cheaper(KIND, first if first < _MOST else None)


def _first_cheaper(tried: Mapping[str, Sequence[Sequence[float]]], queries: int) -> int:
    """Find the number of documents from which on building an index and asking it takes less time, to two digits.

    Exact search is a line in the documents; a document, and a query, look for their place along as many links as the
    logarithm of the documents.
    """
    exact, build = CostLine.of(tried["exact"]), CostLine.of([(_links(n), seconds) for n, seconds in tried["build"]])
    search = CostLine.of([(math.log2(n), seconds) for n, seconds in tried["search"]])
    n = float(SIZES[0])
    while n < _MOST and build.at(_links(n)) + queries * search.at(math.log2(n)) >= queries * exact.at(n):
        n *= 1.05
    return int(round(n, 1 - int(math.log10(n))))


def _links(n: float) -> float:
    return n * math.log2(n)


def try_indexes(given: Mapping[str, Any]) -> dict[str, Any]:
    """Search drawn vectors exactly, and build and ask an index: seconds a query, and of building, by documents."""
    from hardneg.search.exact import exact_topk

    points: dict[str, Any] = {"exact": [], "build": [], "search": []}
    for n in given["sizes"]:
        documents, queries = _drawn(n, given["dim"]), _drawn(_QUERIES, given["dim"])
        exact_topk(queries[:64], documents, given["depth"])  # compiles
        exact_s = _seconds(lambda: exact_topk(queries, documents, given["depth"]))  # noqa: B023
        with TemporaryDirectory() as folder:
            build_s, search_s = _indexed(documents, queries[:_FEW_QUERIES], given["pool"], Path(folder))
        figures = {"exact": exact_s / len(queries), "build": build_s, "search": search_s / _FEW_QUERIES}
        for name, seconds in figures.items():
            points[name].append((n, seconds))
    return points


def _indexed(documents: Any, queries: Any, pool: int, folder: Path) -> tuple[float, float]:  # noqa: ANN401
    """Build an index and ask it, as the source does: its documents are then scored by the vectors themselves."""
    from hardneg.search.exact import pair_scores
    from hardneg.search.faiss_index import Build, kept_index, nearest

    built: list[Any] = []
    build_s = _seconds(lambda: built.append(kept_index(Build(KIND, None, 96, 32, 0), documents, folder)))

    def ask() -> None:
        document = nearest(built[0], queries, pool, probes=64)
        row, place = np.nonzero(document >= 0)
        pair_scores(queries, documents, row.astype(np.int32), document[row, place])

    ask()
    return build_s, _seconds(ask)


def _drawn(n: int, dim: int) -> Any:  # noqa: ANN401 - a matrix
    """Draw vectors of unit length around 64 centres, so that there are near ones."""
    centres = np.random.default_rng(0).standard_normal((64, dim))
    draw = np.random.default_rng(n)
    vectors = centres[draw.integers(0, 64, n)] + draw.standard_normal((n, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
