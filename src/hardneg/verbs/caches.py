"""What the cache holds, how large it is and when it was last used; and letting go of what is old."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hardneg.errors import RecipeError
from hardneg.files import cache_folder

# What each folder of the cache holds, and what it takes to make it again.
KINDS = {
    "vectors": "vectors of texts, by model and texts; encoded again",
    "indexes": "indexes of vectors, by FAISS; built again",
    "models": "models that were given loaded; saved again",
    "exports": "transformers of models as ONNX files; written again",
    "filters": "fitted filters; fitted again",
    "calibration": "how fast this machine is; measured again",
    "searches": "what shards found in searches that were stopped; searched again",
    "works": "tables that workers of an engine read, of works that were stopped; written again",
    "audits": "counts of audits by an engine that were stopped; counted again",
    "scores": "scores of teachers; computed again",
    "brought": "copies of what lies at addresses of object storage; brought again",
    "published": "folders that are published at addresses; brought again, but for what was not published yet",
    "embeddings": "vectors that embedding APIs gave; asked for again, which costs money",
    "questions": "questions that language models wrote; asked for again, which costs money",
    "verdicts": "verdicts of LLM judges; asked again, which costs money",
}
_PAID = ("embeddings", "questions", "verdicts")
_DAY_S = 86_400


@dataclass(frozen=True)
class Kept:
    """One entry of the cache."""

    kind: str
    path: Path
    n_bytes: int
    days: float  # since a file of it was last read or written, as far as the file system notes it


def list_cache() -> list[Kept]:
    """List what is kept, largest first."""
    entries = []
    now = time.time()
    for kind in KINDS:
        for path in sorted((cache_folder() / kind).glob("*")):
            files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
            states = [each.stat() for each in files if each.exists()]
            last = max((max(each.st_mtime, each.st_atime) for each in states), default=path.stat().st_mtime)
            entries.append(Kept(kind, path, sum(each.st_size for each in states), max(0.0, (now - last) / _DAY_S)))
    return sorted(entries, key=lambda each: -each.n_bytes)


def old_entries(*, days: float, kinds: Sequence[str] = ()) -> list[Kept]:
    """List what was not used for so many days; what was paid for only where it is named."""
    for kind in kinds:
        if kind not in KINDS:
            raise RecipeError(f"cache: there is no kind {kind!r}; name one of: {', '.join(KINDS)}")
    wanted = kinds or [kind for kind in KINDS if kind not in _PAID]
    return [each for each in list_cache() if each.kind in wanted and each.days >= days]


def remove(entries: Sequence[Kept]) -> None:
    """Delete entries; what needs one later makes it again."""
    for each in entries:
        if each.path.is_dir():
            shutil.rmtree(each.path, ignore_errors=True)
        else:
            each.path.unlink(missing_ok=True)
