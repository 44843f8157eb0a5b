"""Vectors of a dataset's texts, encoded once and kept on disk.

Texts are encoded in fixed blocks by position, each block by itself: an encoder's rounding depends on which
texts share a batch, so this is what makes a vector independent of who computes it, and when. A finished
block is never redone, also after an interruption. Processes that want the same vectors at the same time wait for the
one that came first, and take over if it dies.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
from filelock import FileLock
from jaxtyping import Float32, Int32

from hardneg.checksums import checked, digest_of, is_damaged
from hardneg.data.dataset import Dataset
from hardneg.data.query_form import query_texts_in
from hardneg.data.text import digest
from hardneg.engines import Limited, current_engine
from hardneg.errors import RunError
from hardneg.files import cache_folder, forget_temporaries, replacing, write_json
from hardneg.models.protocol import Encoder
from hardneg.progress import task

BLOCK = 1_024
_BLOCKS = "blocks.json"  # digests of the blocks of the joined file, so that a damaged one is encoded anew alone

_log = logging.getLogger(__name__)

_aside: ContextVar[Path | None] = ContextVar("aside", default=None)


@contextmanager
def new_vectors_in(folder: Path, *, keep: bool = False) -> Iterator[None]:
    """Keep what is encoded inside the block in a folder that goes when the block ends.

    This is for weights that nobody will ask for again; `keep` removes nothing, for weights that will be asked for once
    more. Vectors that the store has already are taken from there.
    """
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    token = _aside.set(folder)
    try:
        yield
    finally:
        _aside.reset(token)
        document_vectors.cache_clear()
        _split_vectors.cache_clear()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=4)
def document_vectors(encoder: Encoder, dataset: Dataset) -> Float32[np.ndarray, "documents dim"]:
    """Vectors of all documents of a dataset, by position; memory-mapped."""
    return encode(encoder, dataset.document_texts, kind="document")


def query_vectors(
    encoder: Encoder, dataset: Dataset, queries: Int32[np.ndarray, " queries"]
) -> Float32[np.ndarray, "queries dim"]:
    """Vectors of some queries, in the order given.

    The queries of a split are encoded together, so that measuring on a small test split does not encode a
    large training split, and a query's vector still never depends on which queries are asked for with it.
    """
    group = dataset.query_split[queries]
    parts = {number: _split_vectors(encoder, dataset, int(number)) for number in np.unique(group)}
    dim = next((vectors.shape[1] for _, vectors in parts.values()), 0)
    matrix = np.empty((len(queries), dim), dtype=np.float32)
    for number, (members, vectors) in parts.items():
        wanted = group == number
        matrix[wanted] = vectors[np.searchsorted(members, queries[wanted])]
    return matrix


@lru_cache(maxsize=8)
def _split_vectors(
    encoder: Encoder, dataset: Dataset, split: int
) -> tuple[Int32[np.ndarray, " queries"], Float32[np.ndarray, "queries dim"]]:
    members = np.flatnonzero(dataset.query_split == split).astype(np.int32)
    return members, encode(encoder, query_texts_in(dataset, encoder.query_form).gather(members), kind="query")


def encode(encoder: Encoder, texts: pl.Series, *, kind: str) -> Float32[np.ndarray, "texts dim"]:
    """Encode texts, or take their vectors from the store if the same encoder has seen the same texts.

    Gives a read-only memory map. What a cut or damaged file held is encoded anew, with a warning in the log.
    """
    folder = _folder(encoder, texts, kind)
    path = folder / "vectors.npy"
    vectors = _read(path, len(texts))
    if vectors is None:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            vectors = _read(path, len(texts))
            if vectors is None:
                forget_temporaries(folder)
                if path.exists():
                    n_kept = _split(path, len(texts))
                    n_anew, n_all = len(texts) - n_kept, len(texts)
                    _log.warning("%s is cut or damaged; %d of its %d vectors are encoded anew", path, n_anew, n_all)
                    path.unlink()
                _encode_missing(Encoding(encoder, texts, kind, folder))
                _join(folder, path)
                vectors = _read(path, len(texts))
    if vectors is None:
        raise RunError(f"{path} cannot be read after it was written; is the disk full? Delete {folder}")
    return vectors


def is_stored(encoder: Encoder, texts: pl.Series, *, kind: str) -> bool:
    """Say whether the store has the vectors of texts, so that `encode` would ask nobody."""
    return _read(_folder(encoder, texts, kind) / "vectors.npy", len(texts)) is not None


def _folder(encoder: Encoder, texts: pl.Series, kind: str) -> Path:
    key = hashlib.blake2b(f"{encoder.fingerprint} {kind} {digest(texts)}".encode(), digest_size=16).hexdigest()
    folder, aside = cache_folder() / "vectors" / key, _aside.get()
    return folder if aside is None or (folder / "vectors.npy").exists() else aside / key


def _read(path: Path, n_rows: int) -> Float32[np.ndarray, "rows dim"] | None:
    """Map a file of vectors into memory; None if it is missing, cut, or of another number of rows."""
    if is_damaged(path):
        return None
    try:
        vectors: Float32[np.ndarray, "rows dim"] = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    whole = vectors.ndim == 2 and vectors.dtype == np.float32 and len(vectors) == n_rows
    return vectors if whole else None


@dataclass(frozen=True, eq=False)
class Encoding:
    """Texts that are encoded block by block, each into a file of its own."""

    encoder: Encoder
    texts: pl.Series
    kind: str
    folder: Path

    @property
    def scorers(self) -> tuple[Encoder, ...]:
        """Who keeps vectors in a database and answers so many requests at a time: an encoder behind an endpoint."""
        return (self.encoder,) if isinstance(self.encoder, Limited) else ()

    def path(self, number: int) -> Path:
        """Name the file of a block."""
        return self.folder / f"block-{number:06d}.npy"

    def size(self, number: int) -> int:
        """Say how many texts a block has."""
        return min(BLOCK, len(self.texts) - number * BLOCK)

    def do(self, number: int) -> None:
        """Encode a block."""
        run = self.encoder.encode_queries if self.kind == "query" else self.encoder.encode_documents
        block = run(self.texts.slice(number * BLOCK, BLOCK).fill_null("").to_list())
        with replacing(self.path(number)) as temporary, temporary.open("wb") as file:
            np.save(file, block)


def _encode_missing(work: Encoding) -> None:
    unit = "queries" if work.kind == "query" else "documents"
    sizes = [work.size(number) for number in range(-(-len(work.texts) // BLOCK))]
    missing = [number for number, size in enumerate(sizes) if _read(work.path(number), size) is None]
    with task(f"encoding {unit}", total=len(work.texts), unit=unit) as advance:
        advance(len(work.texts) - sum(sizes[number] for number in missing))
        for number in current_engine().each(work, missing):
            advance(sizes[number])


def _split(path: Path, n_rows: int) -> int:
    """Save the blocks of a damaged file that are as they were written; returns how many vectors that are.

    Where the head of the file is damaged, the vectors are those at its end.
    """
    try:
        about = json.loads(checked(path.with_name(_BLOCKS)).read_text(encoding="utf-8"))
    except (OSError, ValueError, RunError):
        return 0
    dim, n_kept, start = about["dim"], 0, about["start"]
    if n_rows != about["rows"]:
        return 0
    for number, digest_before in enumerate(about["blocks"]):
        with path.open("rb") as file:
            file.seek(start + 4 * dim * number * BLOCK)
            raw = file.read(4 * dim * min(BLOCK, n_rows - number * BLOCK))
        if digest_of(raw) == digest_before:
            block = np.frombuffer(raw, dtype=np.float32).reshape(-1, dim)
            with replacing(path.parent / f"block-{number:06d}.npy") as temporary, temporary.open("wb") as file:
                np.save(file, block)
            n_kept += len(block)
    return n_kept


def _join(folder: Path, path: Path) -> None:
    """Copy the blocks into one file without holding more than one of them; the digest of each is written beside it."""
    blocks = sorted(folder.glob("block-*.npy"))
    shapes = [np.load(block, mmap_mode="r").shape for block in blocks]
    n_rows, dim = sum(rows for rows, _ in shapes), shapes[0][1]
    digests = []
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (n_rows, dim)})
        start = file.tell()
        with task("joining vectors", total=n_rows, unit="vectors") as advance:
            for block in blocks:
                raw = np.ascontiguousarray(np.load(block)).tobytes()
                file.write(raw)
                digests.append(digest_of(raw))
                advance(len(raw) // (4 * dim))
    write_json(folder / _BLOCKS, {"rows": n_rows, "dim": dim, "start": start, "blocks": digests})
    for block in blocks:
        block.unlink()
