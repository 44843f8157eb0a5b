"""What it takes to find neighbours and to cluster pairs, by their number: seconds and peak memory, and how good it is.

    python benchmarks/clusters_at_scale.py [--pairs 30000 100000 300000 1000000] [--partitions greedy metis]

The pairs are drawn: documents lie around centres as texts lie around topics (384 dimensions, 200 pairs a topic), each
query near its document; batches of 32. What is measured does not depend on what the vectors mean, but on how many there
are. Beyond 65,536 documents a query is compared with its cell alone; *found* is the share of the true 32 nearest clean
documents, by search over all, that are linked, on 2,000 queries. *Inside* is the share of the weight of links that
batches keep, for a partition, and by chance. Every number of pairs has a process of its own.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.search.exact import exact_topk
from hardneg.training.sampling.batches import even_sizes
from hardneg.training.sampling.clusters import Greedy, Metis
from hardneg.training.sampling.neighbours import TrainingPairs, by_vectors, depth_for, link

DIM, TOPIC, NEIGHBOURS, BATCH, ASKED = 384, 200, 32, 32, 2_000
RESULTS = Path(__file__).parent / "results" / "clusters_at_scale.json"


def drawn(n: int) -> tuple[TrainingPairs, np.ndarray, np.ndarray]:
    """Draw pairs: a dataset of as many queries as documents, and their vectors."""
    rng = np.random.default_rng(7)
    centres = rng.standard_normal((max(1, n // TOPIC), DIM), dtype=np.float32)
    documents = centres[rng.integers(0, len(centres), size=n)]
    documents += 0.7 * rng.standard_normal((n, DIM), dtype=np.float32)
    documents /= np.linalg.norm(documents, axis=1, keepdims=True)
    queries = documents + 0.04 * rng.standard_normal((n, DIM), dtype=np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    ids = pl.select(pl.int_range(n).cast(pl.String)).to_series()
    positions = pl.select(pl.int_range(n, dtype=pl.Int32)).to_series()
    labels = pl.DataFrame({"query": positions, "document": positions, "relevance": 1, "split": "train"})
    dataset = Dataset(pl.DataFrame({"id": ids, "text": ids}), pl.DataFrame({"id": ids, "text": ids}), labels)
    return TrainingPairs.of(dataset, *dataset.pairs_of("train")), queries, documents


def inside(links, order: np.ndarray, sizes: np.ndarray) -> float:
    """Say which share of the weight of links lies within batches."""
    batch_of = np.empty(len(order), dtype=np.int64)
    batch_of[order] = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.repeat(np.arange(links.shape[0]), np.diff(links.indptr))
    same = batch_of[rows] == batch_of[links.indices]
    return float(links.data[same].sum(dtype=np.int64) / links.data.sum(dtype=np.int64))


def peak_gb() -> float:
    """Say how much memory the process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure(n: int, partitions: list[str]) -> dict:
    """Measure one number of pairs, in this process."""
    pairs, queries, documents = drawn(n)
    before, started = peak_gb(), time.perf_counter()
    rankings = by_vectors(pairs, queries[pairs.queries], documents[pairs.documents], depth=depth_for(NEIGHBOURS, 0))
    found = link(pairs, rankings, neighbours=NEIGHBOURS, skip=0, ratio=0.95)
    row = {"pairs": n, "given_gb": round(before, 2), "link_s": round(time.perf_counter() - started, 1)}
    asked = np.sort(np.random.default_rng(1).choice(n, size=min(ASKED, n), replace=False))
    best, score = exact_topk(queries[asked], documents, min(n, 512))
    clean = (score < 0.95 * (queries[asked] * documents[asked]).sum(axis=1)[:, None]) & (best != asked[:, None])
    hits = total = 0
    for at, query in enumerate(asked):
        true = set(best[at][clean[at]][:NEIGHBOURS].tolist())
        hits += len(true & set(found.links[query].indices.tolist()))
        total += len(true)
    row |= {"found": round(hits / max(total, 1), 3), "links_gb": round(peak_gb(), 2)}
    sizes = even_sizes(n, BATCH)
    row["inside_chance"] = round(inside(found.links, np.random.default_rng(0).permutation(n), sizes), 4)
    for name in partitions:
        kind = {"greedy": Greedy, "metis": Metis}[name]()
        kind.order(found.links[:BATCH, :BATCH], np.array([BATCH]), seed=0, epoch=0)  # compiled, imported
        started = time.perf_counter()
        order = kind.order(found.links, sizes, seed=0, epoch=0)
        row |= {f"{name}_s": round(time.perf_counter() - started, 1), f"{name}_gb": round(peak_gb(), 2)}
        row[f"{name}_inside"] = round(inside(found.links, order, sizes), 4)
    return row


def main() -> None:
    """Measure each number of pairs that was not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", nargs="+", type=int, default=[30_000, 100_000, 300_000, 1_000_000])
    parser.add_argument("--partitions", nargs="+", default=["greedy", "metis"])
    parser.add_argument("--alone", action="store_true", help="measure the first number in this process")
    arguments = parser.parse_args()
    if arguments.alone:
        print(json.dumps(measure(arguments.pairs[0], arguments.partitions)))
        return
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for n in arguments.pairs:
        if any(row["pairs"] == n for row in rows):
            continue
        command = [sys.executable, __file__, "--alone", "--pairs", str(n), "--partitions", *arguments.partitions]
        printed = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout
        rows.append(json.loads(printed.splitlines()[-1]))
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    with pl.Config(tbl_cols=-1, tbl_width_chars=240):
        print(pl.DataFrame(rows))


if __name__ == "__main__":
    main()
