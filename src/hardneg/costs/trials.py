"""Trials by name: the real code on little, and what it cost.

`python -m hardneg.costs.trials` is one trial in a process of its own, asked as `processes` asks.
"""

import json
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.costs.calibration import Sizes
from hardneg.costs.indexes import try_indexes
from hardneg.costs.speeds import cost, measure, train_a_little, tried
from hardneg.costs.texts import Texts
from hardneg.data.dataset import Dataset
from hardneg.errors import InputError
from hardneg.processes import requests

if TYPE_CHECKING:
    from hardneg.sources import Source

_REPEATS = 2
_FEW = 64


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
    figures: dict[str, Any] = {"start_s": time.time() - given["asked_at"]}
    read: list[Dataset] = []
    figures["read"] = _stage(lambda: read.append(_hashed(folder / "data")), None)
    dataset, block = read[0], read[0].queries_of("train")

    def run(out: Path) -> None:
        mine(dataset, sources=sources, filters=filters, select=select, depth=depth, out=out)

    with event.install_recorder("numba:compile") as compiled, keeping_retrievals(folder / "found"):
        for source in sources:
            figures[source.name] = _stage(
                lambda source=source: _search(source, dataset, block, given),  # type: ignore[misc]
                lambda _, source=source: source.retrieve(dataset, block, depth),  # type: ignore[misc]
            )
        figures["filters"] = _stage(lambda: run(folder / "first"), lambda again: run(folder / f"again{again}"))
    size = sum(path.stat().st_size for path in (folder / "first").rglob("*.parquet"))
    return figures | {"block_bytes": size, "compiled": bool(compiled.buffer)}


def _stage(first: Callable[[], object], again: Callable[[int], object] | None) -> dict[str, float]:
    """Do something for the first time, and again."""
    begun = cost(first)
    more = [cost(lambda n=n: again(n)) for n in range(_REPEATS)] if again else []  # type: ignore[misc]
    block_s = min((one.wall_s for one in more), default=0.0)
    memory_gb = max(one.peak_gb for one in (begun, *more))
    return {"once_s": max(begun.wall_s - block_s, 0.0), "block_s": block_s, "memory_gb": memory_gb}


def _hashed(folder: Path) -> Dataset:
    """Read a dataset, and hash it as mining does."""
    from hardneg.data.reading import read_dataset

    dataset = read_dataset(folder)
    assert dataset.fingerprint
    return dataset


def _sources(given: dict[str, Any], folder: Path) -> "list[Source]":
    from hardneg.sources import BM25, Vectors

    sources: dict[str, Source] = {"bm25": BM25(), "vectors": Vectors(folder / "documents.npy", folder / "queries.npy")}
    return [sources[name] for name in given["sources"]]


def _search(source: "Source", dataset: Dataset, block: Int32[np.ndarray, " queries"], given: dict[str, Any]) -> None:
    """Search for the first time, with vectors in the number format that the whole work will have."""
    from hardneg.search.products import fastest
    from hardneg.sources.kept import retrieved

    if source.name == "vectors":
        fastest(given["products"])
    retrieved(source, dataset, block, given["depth"])


def encoding(texts: Texts, given: dict[str, Any], sizes: Sizes) -> dict[str, Any]:
    """Encode documents and queries."""
    from hardneg.models.store import BLOCK
    from hardneg.sources import Dense

    encoder = Dense(model=given["model"], max_tokens=given["max_tokens"]).encoder()
    dim = encoder.encode_documents(texts.documents[:8]).shape[1]  # the first batch pays for what is prepared once
    start_s = time.time() - given["asked_at"]
    document = tried(texts.documents[:BLOCK], encoder.encode_documents, few=_FEW, seconds=sizes.seconds)
    query = tried(texts.queries[:BLOCK], encoder.encode_queries, few=_FEW, seconds=sizes.seconds)
    memory_gb = max(document.memory_gb, query.memory_gb)
    figures = {"document_s": document.each_s, "query_s": query.each_s, "dim": dim, "memory_gb": memory_gb}
    return {"start_s": start_s, **figures}


def scoring(texts: Texts, given: dict[str, Any], sizes: Sizes) -> dict[str, Any]:
    """Score pairs of a query and a document."""
    from hardneg.models.options import check_installed

    check_installed("a teacher, which scores with a model,")
    from hardneg.scoring.pair_model import load_pair_model

    model = load_pair_model(given["teacher"], max_tokens=given["max_tokens"])
    pairs = list(zip(np.resize(texts.queries, 1_024).tolist(), np.resize(texts.documents, 1_024).tolist(), strict=True))

    def score(part: list[tuple[str, str]]) -> None:
        queries, documents = zip(*part, strict=True)
        model.score(list(queries), list(documents))

    score(pairs[:8])
    start_s = time.time() - given["asked_at"]
    pair = tried(pairs, score, few=_FEW, seconds=sizes.seconds)
    return {"start_s": start_s, "pair_s": pair.each_s, "memory_gb": pair.memory_gb}


def training(texts: Texts, given: dict[str, Any], sizes: Sizes) -> dict[str, Any]:
    """Train for a few steps."""
    from hardneg.models.options import check_installed

    check_installed("training", training=True)
    from hardneg.training.settings import TrainSettings

    settings = TrainSettings(
        batch_size=given["batch_size"],
        max_tokens=given["max_tokens"],
        negatives_per_row=given["negatives_per_row"] or None,
        max_steps=sizes.steps,
    )
    dataset = _pairs(texts, (sizes.steps + 1) * given["batch_size"])
    negatives = _negatives(dataset, given["negatives_per_row"]) if given["negatives_per_row"] else None
    with TemporaryDirectory() as folder:
        step = train_a_little(given["model"], dataset, negatives, settings=settings, out=Path(folder) / "run")
    start_s = max(time.time() - given["asked_at"] - sizes.steps * step.each_s, 0.0)
    return {"start_s": start_s, "step_s": step.each_s, "memory_gb": step.memory_gb, "disk_gb": step.disk_gb}


def of_recipe(texts: Texts, given: dict[str, Any], sizes: Sizes) -> dict[str, Any]:  # noqa: ARG001 - all get them
    """Try each part of a recipe on its own dataset."""
    from hardneg.pipeline.preflight import check_alone, check_files, check_parts
    from hardneg.recipe import Recipe

    recipe = Recipe.from_table(tomllib.loads(given["recipe"]), place=given["name"])
    check_alone(recipe, "an estimate")
    check_parts(recipe)
    folder = Path(given["folder"])
    start_s = time.time() - given["asked_at"]
    dataset = _hashed(folder / "data")
    check_files(recipe, dataset)
    split = recipe.stages[0].mine.split
    speeds = measure({"": recipe}, dataset, split=split, folder=folder / "trained", seconds=sizes.seconds)
    return {"start_s": start_s, "parts": speeds.as_dict()}


def _pairs(texts: Texts, wanted: int) -> Dataset:
    """Pair queries and documents by their number."""
    queries, documents = (np.resize(each, wanted).tolist() for each in (texts.queries, texts.documents))
    # Two texts alike would be answers to each other's queries.
    documents = [f"{text} {number}" for number, text in enumerate(documents)]
    names = [str(number) for number in range(wanted)]
    labels = {"query_id": names, "doc_id": names, "relevance": [1] * wanted, "split": ["train"] * wanted}
    return Dataset.from_tables(
        pl.DataFrame({"id": names, "text": [f"{text} {number}" for number, text in enumerate(queries)]}),
        pl.DataFrame({"id": names, "text": documents}),
        pl.DataFrame(labels),
        name="trial",
    )


def _negatives(dataset: Dataset, per_row: int) -> pl.DataFrame:
    query = np.repeat(np.arange(dataset.n_queries, dtype=np.int32), per_row)
    further = np.tile(np.arange(1, per_row + 1, dtype=np.int32), dataset.n_queries)
    return pl.DataFrame({"query": query, "document": ((query + further) % dataset.n_documents).astype(np.int32)})


def indexes(texts: Texts, given: dict[str, Any], sizes: Sizes) -> dict[str, Any]:  # noqa: ARG001 - all get them
    """Search exactly and by approximate indexes."""
    return try_indexes(given)


TRIALS: dict[str, Callable[[Texts, dict[str, Any], Sizes], dict[str, Any]]] = {
    "mining": mining,
    "encoding": encoding,
    "scoring": scoring,
    "training": training,
    "recipe": of_recipe,
    "indexes": indexes,
}


def main() -> None:
    """Do the trial that is asked for, and write what it gave, or why it was refused, to the file `answer`."""
    job = next(requests())
    texts, sizes = Texts(job.get("documents", []), job.get("queries", []), ""), Sizes(**job["sizes"])
    try:
        result = TRIALS[job["trial"]](texts, job["given"], sizes)
    except InputError as error:
        result = {"refused": str(error)}
    Path(job["answer"]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
