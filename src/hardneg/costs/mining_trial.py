"""A trial of mining, stage by stage, as the command does it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int32

from hardneg.costs.clock import cost
from hardneg.costs.sizes import Sizes
from hardneg.costs.texts import Texts

if TYPE_CHECKING:
    from hardneg.data.dataset import Dataset
    from hardneg.sources import Source

_REPEATS = 2


def mining(texts: Texts, given: dict[str, Any], sizes: Sizes) -> dict[str, Any]:  # noqa: ARG001 - all get them
    """Read a dataset, search it and mine it in one block; what the first time takes longer is done once."""
    from numba.core import event

    from hardneg.filters import Filter, NearDuplicate, PositiveMargin
    from hardneg.negatives import Selection
    from hardneg.pipeline.mining import mine
    from hardneg.sources.kept import keeping_retrievals

    if given["encoded"]:
        import torch  # noqa: F401 - the encoder has loaded it, and search then uses it however little there is
    folder, depth = Path(given["folder"]), given["depth"]
    sources, select = _sources(given, folder), Selection(per_query=given["per_query"])
    filters: list[Filter] = [NearDuplicate(), PositiveMargin(ratio=0.95, score=sources[-1].name)]
    found: dict[str, Any] = {"start_s": time.time() - given["asked_at"]}
    read: list[Dataset] = []
    found["read"] = _stage(lambda: read.append(_hashed(folder / "data")), None)
    dataset, block = read[0], read[0].queries_of("train")

    def run(out: Path) -> None:
        mine(dataset, sources=sources, filters=filters, select=select, depth=depth, out=out)

    with event.install_recorder("numba:compile") as compiled, keeping_retrievals(folder / "found"):
        for source in sources:
            found[source.name] = _stage(
                lambda source=source: _search(source, dataset, block, given),  # type: ignore[misc]
                lambda _, source=source: source.retrieve(dataset, block, depth),  # type: ignore[misc]
            )
        found["filters"] = _stage(lambda: run(folder / "first"), lambda again: run(folder / f"again{again}"))
    size = sum(path.stat().st_size for path in (folder / "first").rglob("*.parquet"))
    return found | {"block_bytes": size, "compiled": bool(compiled.buffer)}


def _stage(first: Callable[[], object], again: Callable[[int], object] | None) -> dict[str, float]:
    """Do something for the first time, and again."""
    begun = cost(first)
    more = [cost(lambda n=n: again(n)) for n in range(_REPEATS)] if again else []  # type: ignore[misc]
    block_s = min((one.wall_s for one in more), default=0.0)
    memory_gb = max(one.peak_gb for one in (begun, *more))
    return {"once_s": max(begun.wall_s - block_s, 0.0), "block_s": block_s, "memory_gb": memory_gb}


def _hashed(folder: Path) -> "Dataset":
    """Read a dataset, and hash it as mining does."""
    from hardneg.data.reading import read_dataset

    dataset = read_dataset(folder)
    assert dataset.fingerprint
    return dataset


def _sources(given: dict[str, Any], folder: Path) -> "list[Source]":
    from hardneg.sources import BM25, Vectors

    known: dict[str, Source] = {"bm25": BM25(), "vectors": Vectors(folder / "documents.npy", folder / "queries.npy")}
    return [known[name] for name in given["sources"]]


def _search(source: "Source", dataset: "Dataset", block: Int32[np.ndarray, " queries"], given: dict[str, Any]) -> None:
    """Search for the first time, with vectors in the number format that the whole work will have."""
    from hardneg.search.products import fastest
    from hardneg.sources.kept import retrieved

    if source.name == "vectors":
        fastest(given["products"])
    retrieved(source, dataset, block, given["depth"])
