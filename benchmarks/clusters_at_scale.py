"""What it takes to find neighbours and to cluster pairs, by their number: seconds and peak memory, and how good it is.

    python benchmarks/clusters_at_scale.py [--pairs 30000 100000 300000 1000000] [--partitions greedy metis]
    python benchmarks/clusters_at_scale.py --pairs 10000000 --ranks chance --partitions greedy

The pairs are drawn: documents lie around centres as texts lie around topics (384 dimensions, 200 pairs a topic), each
query near its document; batches of 32. What is measured does not depend on what the vectors mean, but on how many there
are. Beyond 65,536 documents a query is compared with its cell alone; *found* is the share of the true 32 nearest clean
documents, by search over all, that are linked, on 2,000 queries. *Inside* is the share of the weight of links that
batches keep, for a partition, and by chance. Every number of pairs has a process of its own. Beyond 65,536 pairs
vectors lie in files, as in training; memory is what the process has to itself (RssAnon), so without these files' pages.
With `--ranks chance` nothing is searched: each query's 96 best are drawn, which takes linking and partition the same
memory and time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.search.exact import exact_topk
from hardneg.training.sampling.batches import even_sizes
from hardneg.training.sampling.clusters import Greedy, Metis
from hardneg.training.sampling.neighbours import WHOLE, Neighbours, Ranked, TrainingPairs, by_vectors, depth_for, link

DIM, TOPIC, NEIGHBOURS, BATCH, ASKED, BLOCK = 384, 200, 32, 32, 2_000, 8_192
RESULTS = Path(__file__).parent / "results" / "clusters_at_scale.json"


def drawn_pairs(n: int) -> TrainingPairs:
    """Make a dataset of as many queries as documents, each query with one."""
    ids = pl.select(pl.int_range(n).cast(pl.String)).to_series()
    positions = pl.select(pl.int_range(n, dtype=pl.Int32)).to_series()
    labels = pl.DataFrame({"query": positions, "document": positions, "relevance": 1, "split": "train"})
    dataset = Dataset(pl.DataFrame({"id": ids, "text": ids}), pl.DataFrame({"id": ids, "text": ids}), labels)
    return TrainingPairs.of(dataset, *dataset.pairs_of("train"))


def drawn_vectors(pairs: TrainingPairs, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Draw vectors of the pairs' queries and documents; many lie in files, in half precision."""
    rng, n = np.random.default_rng(7), len(pairs.query)
    centres = rng.standard_normal((max(1, n // TOPIC), DIM), dtype=np.float32)
    queries, documents = (_empty(folder / name, n) for name in ("queries.npy", "documents.npy"))
    for at in range(0, n, BLOCK):
        size = min(BLOCK, n - at)
        block = centres[rng.integers(0, len(centres), size=size)]
        block += 0.7 * rng.standard_normal((size, DIM), dtype=np.float32)
        block /= np.linalg.norm(block, axis=1, keepdims=True)
        documents[at : at + size] = block
    for at in range(0, n, BLOCK):
        block = documents[pairs.document_row[at : at + BLOCK]].astype(np.float32)
        block += 0.04 * rng.standard_normal(block.shape, dtype=np.float32)
        queries[at : at + BLOCK] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return queries, documents


def _empty(path: Path, n: int) -> np.ndarray:
    if n <= WHOLE:
        return np.empty((n, DIM), dtype=np.float32)
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(n, DIM))


def by_chance(pairs: TrainingPairs) -> Iterator[Ranked]:
    """Rank documents by chance."""
    rng, n = np.random.default_rng(7), len(pairs.queries)
    for at in range(0, n, BLOCK):
        asked = np.arange(at, min(at + BLOCK, n))
        document = rng.integers(0, len(pairs.documents), size=(len(asked), depth_for(NEIGHBOURS, 0)))
        yield Ranked(asked, document, np.zeros(document.shape, dtype=np.float32), np.ones(len(asked)))


def inside(links, order: np.ndarray, sizes: np.ndarray) -> float:
    """Say which share of the weight of links lies within batches."""
    batch_of = np.empty(len(order), dtype=np.int64)
    batch_of[order] = np.repeat(np.arange(len(sizes)), sizes)
    kept = 0
    for at in range(0, links.shape[0], 65_536):
        some = links[at : at + 65_536]
        rows = at + np.repeat(np.arange(some.shape[0]), np.diff(some.indptr))
        kept += some.data[batch_of[rows] == batch_of[some.indices]].sum(dtype=np.int64)
    return float(kept / links.data.sum(dtype=np.int64))


class Peak:
    """The most memory that this process has had to itself, in GB, looked at twenty times a second."""

    def __init__(self) -> None:
        self.gb = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self.look()
            time.sleep(0.05)

    def look(self) -> float:
        """Look now, and give the peak so far."""
        lines = Path("/proc/self/status").read_text().splitlines()
        (held,) = (line.split()[1] for line in lines if line.startswith("RssAnon"))
        self.gb = max(self.gb, int(held) / 2**20)
        return round(self.gb, 2)


def measure(n: int, partitions: list[str], ranks: str, folder: Path) -> dict:
    """Measure one number of pairs, in this process."""
    pairs, peak = drawn_pairs(n), Peak()
    queries, documents = drawn_vectors(pairs, folder) if ranks == "vectors" else (None, None)
    row = {"pairs": n, "ranks": ranks, "given_gb": peak.look()}
    started = time.perf_counter()
    if ranks == "vectors":
        rankings = by_vectors(pairs, queries, documents, depth=depth_for(NEIGHBOURS, 0))
    else:
        rankings = by_chance(pairs)
    linked = link(pairs, rankings, neighbours=NEIGHBOURS, skip=0, ratio=0.95)
    row |= {"link_s": round(time.perf_counter() - started, 1), "links_gb": peak.look()}
    sizes = even_sizes(n, BATCH)
    for name in partitions:
        kind = {"greedy": Greedy, "metis": Metis}[name]()
        kind.order(linked.links[:BATCH, :BATCH], np.array([BATCH]), seed=0, epoch=0)  # compiled, imported
        started = time.perf_counter()
        order = kind.order(linked.links, sizes, seed=0, epoch=0)
        row |= {f"{name}_s": round(time.perf_counter() - started, 1), f"{name}_gb": peak.look()}
        row[f"{name}_inside"] = round(inside(linked.links, order, sizes), 4)
    if queries is None or documents is None:
        return row
    row["inside_chance"] = round(inside(linked.links, np.random.default_rng(0).permutation(n), sizes), 4)
    return row | {"found": true_neighbours(pairs, linked, queries, documents)}


def true_neighbours(pairs: TrainingPairs, linked: Neighbours, queries: np.ndarray, documents: np.ndarray) -> float:
    """Say which share of the true nearest clean documents is linked."""
    n = len(queries)
    asked = np.sort(np.random.default_rng(1).choice(n, size=min(ASKED, n), replace=False))
    mine, texts = queries[asked].astype(np.float32), documents.astype(np.float32)
    best, score = exact_topk(mine, texts, min(n, 512))
    answer = pairs.document_row[asked]
    clean = (score < 0.95 * (mine * texts[answer]).sum(axis=1)[:, None]) & (best != answer[:, None])
    pair_of = np.argsort(pairs.document_row)
    hits = total = 0
    for at, query in enumerate(asked):
        true = set(pair_of[best[at][clean[at]][:NEIGHBOURS]].tolist())
        hits += len(true & set(linked.links[query].indices.tolist()))
        total += len(true)
    return round(hits / max(total, 1), 3)


def main() -> None:
    """Measure each number of pairs that was not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", nargs="+", type=int, default=[30_000, 100_000, 300_000, 1_000_000])
    parser.add_argument("--partitions", nargs="+", default=["greedy", "metis"])
    parser.add_argument("--ranks", choices=["vectors", "chance"], default="vectors")
    parser.add_argument("--alone", action="store_true", help="measure the first number in this process")
    arguments = parser.parse_args()
    if arguments.alone:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(arguments.pairs[0], arguments.partitions, arguments.ranks, Path(folder))))
        return
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for n in arguments.pairs:
        if any((row["pairs"], row["ranks"]) == (n, arguments.ranks) for row in rows):
            continue
        command = [sys.executable, __file__, "--alone", "--pairs", str(n), "--ranks", arguments.ranks]
        command += ["--partitions", *arguments.partitions]
        printed = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout
        rows.append(json.loads(printed.splitlines()[-1]))
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    with pl.Config(tbl_cols=-1, tbl_width_chars=240):
        print(pl.DataFrame(rows))


if __name__ == "__main__":
    main()
