"""Memory and disk of long work: mining at growing sizes, and training with many short rounds of refresh.

    python benchmarks/trust/soak.py --sizes 50000 100000 200000 --rounds 20 60

Each is a process of its own, and its peak is what the system says of it. Vectors are given, so that what is measured
is hardneg and no model. Flat is: the peak grows as the inputs do and no faster, and neither the peak nor the folder of
a training grows with the number of rounds.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
DIM, DEPTH = 8, 10


def mine(n: int, place: Path) -> dict[str, float]:
    """Mine n queries against n documents."""
    import numpy as np
    import polars as pl

    import hardneg as hn
    from hardneg.sources import Vectors

    rng = np.random.default_rng(0)
    for name in ("q", "d"):
        vectors = rng.standard_normal((n, DIM), dtype=np.float32)
        np.save(place / f"{name}.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    ids = pl.select(pl.int_range(n).cast(pl.String)).to_series()
    labels = {"query_id": "q" + ids, "doc_id": "d" + ids, "relevance": [1] * n, "split": ["train"] * n}
    dataset = hn.Dataset.from_tables(
        pl.DataFrame({"id": "q" + ids, "text": "query " + ids}),
        pl.DataFrame({"id": "d" + ids, "text": "document " + ids}),
        pl.DataFrame(labels),
        name="soak",
    )
    before = peak_mib()
    started = time.monotonic()
    source = Vectors(query_vectors=str(place / "q.npy"), document_vectors=str(place / "d.npy"))
    mined = hn.mine(
        dataset, sources=[source], filters=[], select={"per_query": 1}, depth=DEPTH, block_size=4_096, out=place / "run"
    )
    selected = mined.funnel["selected"]
    return {"before_mib": before, "peak_mib": peak_mib(), "s": time.monotonic() - started, "selected": selected}


def refresh(rounds: int, place: Path) -> dict[str, float]:
    """Train a model of a few kilobytes with so many rounds, one after each two steps."""
    from hardneg.pipeline.mining import mine as mine_negatives
    from hardneg.sources import Dense
    from hardneg.training.loop import train
    from hardneg.training.refresh.settings import Refresh
    from hardneg.training.settings import TrainSettings
    from tiny_model import build_tiny_model
    from toy import toy_dataset

    dataset = toy_dataset()
    model = build_tiny_model(place, [*dataset.query_texts, *dataset.document_texts])
    mined = mine_negatives(
        dataset, sources=[Dense(model=str(model))], filters=[], select={"per_query": 2}, depth=8, out=place / "mined"
    )
    sizes = []
    settings = TrainSettings(
        batch_size=8,
        max_steps=2 * rounds,
        epochs=1_000,
        refresh=Refresh(every=2),
        precision="fp32",
        checkpoint_every=10,
    )
    stop = watched(place / "run", sizes)
    started = time.monotonic()
    train(str(model), dataset, mined.negatives, settings=settings, plan=mined.plan, split="train", out=place / "run")
    stop()
    lines = (place / "run" / "refresh.jsonl").read_text().splitlines()
    seconds = time.monotonic() - started
    return {"peak_mib": peak_mib(), "disk_kib": max(sizes), "rounds": len(lines), "s": seconds}


def watched(folder: Path, sizes: list[float]) -> "object":
    """Note the size of a folder, but for its lists of steps, ten times a second."""
    import threading

    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            total = 0
            for path in folder.rglob("*"):
                try:
                    total += path.stat().st_size if path.suffix not in (".jsonl", "") and path.is_file() else 0
                except OSError:
                    continue
            sizes.append(total / 1024)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()

    def stop() -> None:
        ended.set()
        thread.join()

    return stop


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(kind: str, n: int) -> dict[str, float]:
    """Do one in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(HERE.parents[1] / "src"), str(HERE.parents[1] / "tests")]
        environment = os.environ | {"HARDNEG_CACHE": f"{folder}/cache", "PYTHONPATH": os.pathsep.join(paths)}
        done = subprocess.run(
            [sys.executable, __file__, "--one", kind, str(n), folder],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2_000:]
        return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[50_000, 100_000, 200_000])
    parser.add_argument("--rounds", type=int, nargs="*", default=[20, 60])
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        kind, n, place = options.one
        print(json.dumps({"mine": mine, "refresh": refresh}[kind](int(n), Path(place))))
        return 0
    made = {}
    for kind, sizes in (("mine", options.sizes), ("refresh", options.rounds)):
        for n in sizes:
            made[f"{kind} {n}"] = figures = measured(kind, n)
            print(kind, f"{n:,}", {name: round(value, 1) for name, value in figures.items()}, flush=True)
    (HERE / "soak.json").write_text(json.dumps(made, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
