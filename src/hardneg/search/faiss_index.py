"""Indexes of FAISS: built in slabs, kept with their checksum, and read after their head was looked at.

The same vectors and settings give the same bytes, on one machine and with one version of FAISS: one thread builds, a
slab is always of as many documents, and what is drawn depends on the seed and the slab. What was built so far is
written every few minutes, so that a build that is killed goes on there.
"""

import logging
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from filelock import FileLock
from jaxtyping import Float32, Int32

from hardneg.checksums import is_damaged
from hardneg.errors import MissingExtraError, ModelError, RecipeError
from hardneg.files import forget_temporaries, replacing
from hardneg.progress import task

Kind = Literal["ivfpq", "hnsw"]

INDEX, PARTIAL = "index.faiss", "building.faiss"
FEW = 1_000  # documents, up to which there is nothing to approximate
_SLAB = 2**16  # documents
_SAVE_S = 300.0
_SAMPLE = 64  # vectors a list that lists are learned from; FAISS warns below 39
_CENTROIDS = 256  # of each part of a vector
_BLOCK_QUERIES = 1_024
_HEAD = struct.Struct("<4siqqqBi")  # kind, dimensions, vectors, two unused, whether it is trained, metric
_INNER_PRODUCT, _L2 = 0, 1
# Kinds whose vectors have a position: their head is the one above.
_KINDS = {b"IxFI", b"IxF2", b"IwFl", b"IwPQ", b"IwQR", b"IwSq", b"IHNf", b"IHNp", b"IHNs", b"IxPq", b"IxSQ"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Build:
    """How an index is built."""

    kind: Kind
    lists: int | None  # of "ivfpq"; None for four times the root of the number of documents
    bytes_each: int  # of a vector of "ivfpq", at most
    links: int  # of a document of "hnsw"
    seed: int

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise RecipeError(f"approximate: kind is {self.kind!r}; set it to {' or '.join(get_args(Kind))}")
        least = {"lists": 1, "bytes_each": 1, "links": 2, "seed": 0}
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise RecipeError(f"approximate: {name} is {value}; set it to {smallest} or more")

    def lists_of(self, n: int) -> int:
        """Count the lists that so many documents are put into; each needs some to be learned from."""
        return max(1, min(self.lists or round(4 * n**0.5), n // 39))

    def parts_of(self, dim: int) -> int:
        """Count the parts that a vector is cut into: the most that `bytes_each` allows and that divide it."""
        return max(each for each in range(1, min(dim, self.bytes_each) + 1) if dim % each == 0)


def library() -> Any:  # noqa: ANN401 - FAISS has no types
    """Import FAISS."""
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("faiss-cpu", extra="faiss", purpose="the source approximate") from error
    return faiss


def kept_index(build: Build, vectors: Float32[np.ndarray, "documents dim"], folder: Path) -> Any:  # noqa: ANN401
    """Read the index of these vectors from a folder, or build it there.

    Processes that want the same index wait for the one that came first; what is damaged is built anew.
    """
    path = folder / INDEX
    index = _read(path, vectors)
    if index is None:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            index = _read(path, vectors)
            if index is None:
                if path.exists():
                    _log.warning("%s is damaged and is built anew", path)
                forget_temporaries(folder)
                index = _built(build, vectors, folder / PARTIAL)
                _write(index, path)
                (folder / PARTIAL).unlink(missing_ok=True)
    return index


def foreign_index(path: Path, *, dim: int, n: int) -> Any:  # noqa: ANN401
    """Read somebody's index, whose vector i is that of document i.

    FAISS reads it in C++: only a file that you trust should come here. Its head is looked at first, so that what is no
    index, or one of other vectors, is refused before.
    """
    faiss = library()
    dim_there, n_there, trained, metric = _head(path)
    if dim_there != dim:
        raise ModelError(
            f"{path}: its vectors have {dim_there} dimensions, those of the queries {dim}; name its own model"
        )
    if n_there != n:
        what = f"lacks the last {n - n_there:,}" if n_there < n else f"has {n_there - n:,} more than the dataset"
        raise ModelError(
            f"{path}: an index of {n_there:,} vectors for {n:,} documents; "
            f"vector i must be that of document i, and it {what}"
        )
    if metric not in (_INNER_PRODUCT, _L2) or not trained:
        raise ModelError(f"{path}: it is not trained, or has another metric than inner product or L2; build it anew")
    try:
        return faiss.read_index(str(path))
    except (RuntimeError, MemoryError) as error:
        reason = str(error).strip().splitlines()[0][-200:] if str(error).strip() else "too little memory"
        raise ModelError(f"{path}: FAISS cannot read it, so it is cut or damaged ({reason}); write it anew") from error


def _head(path: Path) -> tuple[int, int, bool, int]:
    try:
        with path.open("rb") as file:
            raw = file.read(_HEAD.size)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) < _HEAD.size or raw[:4] not in _KINDS:
        names = ", ".join(sorted(each.decode() for each in _KINDS))
        start = raw[:4].decode("latin-1")
        raise ModelError(
            f"{path}: begins with {start!r}, which is no index of FAISS whose vectors have positions ({names}); "
            "write one with faiss.write_index, without IDMap or transforms"
        )
    _, dim, n, _, _, trained, metric = _HEAD.unpack(raw)
    return dim, n, bool(trained), metric


@contextmanager
def alone() -> Iterator[None]:
    """Have FAISS work in one thread."""
    faiss = library()
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


@contextmanager
def same_sums() -> Iterator[None]:
    """Have FAISS compute each product by itself, so that it does not depend on which queries come with it."""
    faiss = library()
    before = faiss.cvar.distance_compute_blas_threshold
    faiss.cvar.distance_compute_blas_threshold = 2**31 - 1
    try:
        yield
    finally:
        faiss.cvar.distance_compute_blas_threshold = before


def nearest(
    index: Any,  # noqa: ANN401
    queries: Float32[np.ndarray, "queries dim"],
    pool: int,
    *,
    probes: int,
) -> Int32[np.ndarray, "queries pool"]:
    """Give the documents that an index takes for the nearest; -1 where it finds no more."""
    faiss = library()
    inner = faiss.downcast_index(index)
    if isinstance(inner, faiss.IndexIVF):
        parameters = faiss.SearchParametersIVF(nprobe=min(probes, inner.nlist))
    elif isinstance(inner, faiss.IndexHNSW):
        parameters = faiss.SearchParametersHNSW(efSearch=pool)
    else:
        parameters = None
    positions = np.full((len(queries), pool), -1, np.int32)
    with same_sums(), task("searching the index", total=len(queries), unit="queries") as advance:
        for start in range(0, len(queries), _BLOCK_QUERIES):
            block = np.ascontiguousarray(queries[start : start + _BLOCK_QUERIES])
            positions[start : start + len(block)] = inner.search(block, pool, params=parameters)[1]
            advance(len(block))
    return positions


def _read(path: Path, vectors: Float32[np.ndarray, "documents dim"]) -> Any:  # noqa: ANN401
    if not path.exists() or is_damaged(path):
        return None
    try:
        index = library().read_index(str(path))
    except RuntimeError:
        return None
    return index if (index.ntotal, index.d) == vectors.shape else None


def _write(index: Any, path: Path) -> None:  # noqa: ANN401
    with replacing(path) as temporary:
        library().write_index(index, str(temporary))


def _built(build: Build, vectors: Float32[np.ndarray, "documents dim"], partial: Path) -> Any:  # noqa: ANN401
    faiss, n = library(), len(vectors)
    index = None
    if partial.exists() and not is_damaged(partial):
        with suppress(RuntimeError):
            index = faiss.read_index(str(partial))
    with alone(), task("building the index", total=n, unit="documents") as advance:
        saved = time.monotonic()
        if index is None:
            index = _trained(build, vectors)
        advance(index.ntotal)
        for start in range(index.ntotal, n, _SLAB):
            if time.monotonic() - saved >= _SAVE_S:
                _write(index, partial)
                saved = time.monotonic()
            rows = np.arange(start, min(start + _SLAB, n))
            slab = _finite(vectors[start : start + _SLAB], rows)
            if isinstance(index, faiss.IndexHNSW):  # which layers documents are on is drawn anew for each slab
                index.hnsw.rng = faiss.RandomGenerator(build.seed + start)
            index.add(slab)
            advance(len(slab))
    return index


def _finite(slab: Float32[np.ndarray, "rows dim"], rows: np.ndarray) -> Float32[np.ndarray, "rows dim"]:
    wrong = np.flatnonzero(~np.isfinite(slab).all(axis=1))
    if len(wrong):
        raise ModelError(f"the vector of document {rows[wrong[0]]} is not finite; make it anew")
    return np.ascontiguousarray(slab)


def _trained(build: Build, vectors: Float32[np.ndarray, "documents dim"]) -> Any:  # noqa: ANN401
    faiss = library()
    n, dim = vectors.shape
    if n < FEW:
        return faiss.IndexFlatIP(dim)
    if build.kind == "hnsw":
        return faiss.IndexHNSWFlat(dim, build.links, faiss.METRIC_INNER_PRODUCT)
    lists = build.lists_of(n)
    name = f"IVF{lists},PQ{build.parts_of(dim)}np"  # np: no order of codes for comparing by bits, which takes minutes
    index = faiss.index_factory(dim, name, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = index.pq.cp.seed = build.seed
    index.cp.max_points_per_centroid = _SAMPLE
    n_sample = min(n, max(lists, _CENTROIDS) * _SAMPLE)
    drawn = np.sort(np.random.default_rng(build.seed).choice(n, n_sample, replace=False))
    index.train(_finite(vectors[drawn], drawn))
    return index
