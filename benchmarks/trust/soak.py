"""Memory and disk of long work: mining at growing sizes, and training with many short rounds of refresh.

    python benchmarks/trust/soak.py --sizes 50000 100000 200000 --rounds 30 300
    python benchmarks/trust/soak.py --long 1000000 --place FOLDER --minutes 30

Each is a process of its own, and its peak is what the system says of it. Vectors are given, so that what is measured
is hardneg and no model. Flat is: the peak grows as the inputs do and no faster, and neither the peak nor the folder of
a training grows with the number of rounds. A long one is killed when its minutes are up, and goes on in its folder when
it is called again; what it holds in memory is written down as it goes.
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
DIM, DEPTH, BLOCK = 8, 5, 8_192
EVERY_S = 5.0


def mine(n: int, place: Path) -> dict[str, float]:
    """Mine n queries against n documents."""
    import numpy as np
    import polars as pl

    import hardneg as hn
    from hardneg.sources import Vectors

    rng = np.random.default_rng(0)
    for name in ("q", "d"):
        vectors = rng.standard_normal((n, DIM), dtype=np.float32)
        if not (place / f"{name}.npy").exists():  # a file that was written anew would be another
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
        dataset, sources=[source], filters=[], select={"per_query": 1}, depth=DEPTH, block_size=BLOCK, out=place / "run"
    )
    selected = mined.funnel["selected"]
    return {"before_mib": before, "peak_mib": peak_mib(), "s": time.monotonic() - started, "selected": selected}


def go_on(n: int, place: Path, *, minutes: float) -> None:
    """Mine n queries against n documents for some minutes, behind what was mined before."""
    import threading

    place.mkdir(parents=True, exist_ok=True)
    started, curve = time.monotonic(), place / "curve.jsonl"
    n_blocks = -(-n // BLOCK)

    def look() -> None:
        while True:
            time.sleep(EVERY_S)
            done = len(list((place / "run" / "negatives").glob("part-*.parquet")))
            line = {"pid": os.getpid(), "s": time.monotonic() - started, "cpu_s": time.process_time()}
            line |= {"blocks": done, "of": n_blocks, "rss_mib": rss_mib(), "peak_mib": peak_mib()}
            with curve.open("a") as file:
                file.write(json.dumps(line) + "\n")
            if time.monotonic() - started > 60 * minutes:
                os._exit(3)

    threading.Thread(target=look, daemon=True).start()
    print(json.dumps(mine(n, place)), flush=True)


def rss_mib() -> float:
    """What this process holds in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def curve_of(place: Path) -> dict[str, float]:
    """Sum up what was written down of a long mining: memory after a tenth of a process and at last."""
    lines = [json.loads(line) for line in (place / "curve.jsonl").read_text().splitlines()]
    processes = {line["pid"]: [each for each in lines if each["pid"] == line["pid"]] for line in lines}
    longest = max(processes.values(), key=lambda each: each[-1]["blocks"] - each[0]["blocks"])
    first = min(each["blocks"] for each in longest)
    early = [each for each in longest if each["blocks"] - first >= (longest[-1]["blocks"] - first) / 10]
    return {
        "blocks": lines[-1]["blocks"],
        "of": lines[-1]["of"],
        "processes": len(processes),
        "cpu_s": sum(each[-1]["cpu_s"] for each in processes.values()),
        "early_rss_mib": early[0]["rss_mib"],
        "last_rss_mib": longest[-1]["rss_mib"],
        "early_peak_mib": early[0]["peak_mib"],
        "peak_mib": max(each["peak_mib"] for each in lines),
    }


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
    parser.add_argument("--long", type=int, help="mine so many queries against as many documents")
    parser.add_argument("--place", type=Path, help="the folder of that")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        kind, n, place = options.one
        print(json.dumps({"mine": mine, "refresh": refresh}[kind](int(n), Path(place))))
        return 0
    made = json.loads((HERE / "soak.json").read_text()) if (HERE / "soak.json").exists() else {}
    if options.long:
        process = os.fork()
        if not process:
            os.environ["HARDNEG_CACHE"] = str(options.place / "cache")
            go_on(options.long, options.place, minutes=options.minutes)
            os._exit(0)
        os.waitpid(process, 0)
        made[f"mine {options.long}, long"] = figures = curve_of(options.place)
        print(figures, flush=True)
        options.sizes = options.rounds = []
    for kind, sizes in (("mine", options.sizes), ("refresh", options.rounds)):
        for n in sizes:
            made[f"{kind} {n}"] = figures = measured(kind, n)
            print(kind, f"{n:,}", {name: round(value, 1) for name, value in figures.items()}, flush=True)
    (HERE / "soak.json").write_text(json.dumps(made, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
