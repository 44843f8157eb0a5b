"""Trove's exact search over the vectors of bench.py, in as many processes of torch.distributed as there are cores.

    python -m torch.distributed.run --nproc-per-node 2 benchmarks/ray/trove_search.py --data FOLDER/20000x500000

Needs ir-trove in an environment of its own (trove.txt). Vectors are in its cache before the clock starts, as they are
mapped files for hardneg; what is measured is `nearest_neighbor_search`, the best 100 of each query, merged in one
process. Prints a row of the table, with how many of the queries that are looked at got the documents of NumPy's.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from trove import EvaluationArguments, RetrievalEvaluator
from trove.containers import FastResultHeapq
from trove.data import EncodingDataset

DEPTH, LOOKED_AT = 100, 50


class Cosine(torch.nn.Module):
    """What stands in a model's place: no text is encoded."""

    def similarity_fn(self, query: torch.Tensor, passage: torch.Tensor) -> torch.Tensor:
        """Multiply unit vectors."""
        return query @ passage.T


def prepare(folder: Path, kind: str) -> None:
    """Write texts and vectors as Trove reads them, once."""
    vectors = np.load(folder / f"{kind}.npy", mmap_mode="r")
    (folder / "trove" / kind).mkdir(parents=True, exist_ok=True)
    with (folder / "trove" / f"{kind}.jsonl").open("w") as lines:
        for row in range(len(vectors)):
            lines.write(json.dumps({"_id": f"{kind[0]}{row}", "title": "", "text": ""}) + "\n")
    schema = pa.schema([pa.field("_id", pa.string()), pa.field("value", pa.list_(pa.float32()))])
    with pa.ipc.new_file(str(folder / "trove" / kind / "vectors.arrow"), schema) as writer:
        for first in range(0, len(vectors), 1_000):
            part = np.asarray(vectors[first : first + 1_000])
            ids = pa.array([f"{kind[0]}{first + row}" for row in range(len(part))])
            starts = pa.array(np.arange(0, part.size + 1, part.shape[1]), pa.int32())
            writer.write_batch(pa.record_batch([ids, pa.ListArray.from_arrays(starts, pa.array(part.ravel()))], schema))


def opened(folder: Path, kind: str) -> EncodingDataset:
    """Open the queries or the documents."""
    is_query = kind == "queries"
    names = ("query_path", "format_query") if is_query else ("corpus_path", "format_passage")
    given = dict(zip(names, (str(folder / "trove" / f"{kind}.jsonl"), str), strict=True))
    cache = str(folder / "trove" / kind / "vectors.arrow")
    return EncodingDataset(**given, cache_path=cache, load_cache_on_init=False)


def collated(rows: list[dict]) -> dict:
    """Put the vectors of a batch on top of each other."""
    named = {key: [row[key] for row in rows] for key in ("rec_id", "orig_rec_id")}
    return named | {"embedding": torch.from_numpy(np.stack([row["embedding"] for row in rows]))}


def agreement(folder: Path, best: dict[str, dict[str, float]]) -> int:
    """Count the queries whose documents are the nearest by NumPy, of the first ones."""
    documents, queries = (np.load(folder / f"{kind}.npy", mmap_mode="r") for kind in ("documents", "queries"))
    scores = np.asarray(queries[:LOOKED_AT]) @ np.asarray(documents).T
    nearest = np.argpartition(-scores, DEPTH, axis=1)[:, :DEPTH]
    return sum(set(best[f"q{row}"]) == {f"d{column}" for column in nearest[row]} for row in range(LOOKED_AT))


def main() -> None:
    """Search and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--query-batch", type=int, default=1_024)
    parser.add_argument("--document-batch", type=int, default=8_192)
    asked = parser.parse_args()
    rank, workers = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    torch.set_num_threads(1)
    if workers > 1:
        torch.distributed.init_process_group("gloo")
    if rank == 0 and not (asked.data / "trove" / "done").exists():
        for kind in ("queries", "documents"):
            prepare(asked.data, kind)
        (asked.data / "trove" / "done").touch()
    if workers > 1:
        torch.distributed.barrier()
    with tempfile.TemporaryDirectory() as out:
        settings = EvaluationArguments(
            output_dir=f"{out}/made",
            per_device_eval_batch_size=asked.document_batch,
            per_device_matmul_batch_size=asked.query_batch,
            use_cpu=True,
            report_to="none",
            pbar_mode="none",
        )
        best = FastResultHeapq(topk=DEPTH)
        evaluator = RetrievalEvaluator(args=settings, model=Cosine(), data_collator=collated, logit_collector=best)
        queries, documents = opened(asked.data, "queries"), opened(asked.data, "documents")
        started = time.perf_counter()
        found = evaluator.nearest_neighbor_search(queries, documents, best, out, "vectors")
        seconds = time.perf_counter() - started
    if rank == 0:
        row = {
            "seconds": seconds,
            "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
            "as_numpy": f"{agreement(asked.data, found['topk_docs'])} of {LOOKED_AT}",
        }
        print(json.dumps(row))


if __name__ == "__main__":
    main()
