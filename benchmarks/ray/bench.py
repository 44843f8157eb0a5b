"""Mining on a Ray cluster of this machine against one process: seconds, overheads, bytes moved, memory.

    python benchmarks/ray/bench.py --queries 20000 --documents 500000 --out results.json

Workers have one processor each. Vectors are drawn with a seed, unit length, 384 dimensions; texts are short, so that
the search is most of the work. Each row is a process of its own, and the fastest of `--times` counts.
"""

import argparse
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

import hardneg as hn
from hardneg.engines import Ray, working_on

_DIM, WAYS = 384, ("product", "local", "whole", "shards")
ON_RAY = ("whole", "shards")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")
_RAY = Path(sys.executable).with_name("ray")


@dataclass(frozen=True)
class Nothing:
    """Blocks in which nothing is done."""

    def do(self, number: int) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Memory:
    """Blocks that write down what their process has used: most memory in all, and now without files."""

    folder: str

    def do(self, number: int) -> None:  # noqa: ARG002
        """Write it down, and leave the others their turn."""
        lines = Path("/proc/self/status").read_text().splitlines()
        kb = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
        row = {"peak_gb": kb["VmHWM"] * 1024 / 1e9, "anonymous_gb": kb["RssAnon"] * 1024 / 1e9}
        Path(self.folder, f"{os.getpid()}.json").write_text(json.dumps(row))
        time.sleep(0.2)


@dataclass(frozen=True)
class Counting:
    """An engine that notes what lies in the folder of searches after each block."""

    engine: Ray
    shard_gb: float
    folder: Path
    sizes: dict

    def each(self, work, numbers):
        """Do the blocks."""
        yield from self.engine.each(work, numbers)
        for path in self.folder.rglob("*.np[yz]"):
            self.sizes[str(path)] = path.stat().st_size


def cores() -> list[int]:
    """Name the cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


def make(folder: Path, n_queries: int, n_documents: int) -> None:
    """Write a dataset and its vectors, once."""
    if (folder / "done").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for kind, n in (("queries", n_queries), ("documents", n_documents)):
        vectors = rng.standard_normal((n, _DIM), dtype=np.float32)
        np.save(folder / f"{kind}.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
        table = pl.DataFrame(
            {"id": [f"{kind[0]}{i}" for i in range(n)], "text": [f"{kind[0]}{i} word" for i in range(n)]}
        )
        table.write_parquet(folder / f"{kind}.parquet")
    answers = rng.integers(0, n_documents, n_queries)
    columns = {"query_id": [f"q{i}" for i in range(n_queries)], "doc_id": [f"d{i}" for i in answers]}
    pl.DataFrame(columns | {"relevance": 1, "split": "train"}).write_parquet(folder / "qrels.parquet")
    (folder / "done").touch()


class Cluster:
    """A head without room for work, and so many nodes of one processor."""

    def __init__(self, n_nodes: int) -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        self.address, self._nodes = f"127.0.0.1:{port}", []
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        self._start("--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false")
        self._wait(0)
        for cpus in range(1, n_nodes + 1):
            self._start(f"--address={self.address}", "--num-cpus=1", core=cores()[cpus - 1])
            self._wait(cpus)

    def _start(self, *arguments: str, core: int | None = None) -> None:
        pin = [] if core is None else ["taskset", "-c", str(core)]
        command = [*pin, _RAY, "start", *arguments, "--object-store-memory=500000000", "--block"]
        output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._nodes.append(subprocess.Popen(command, start_new_session=True, **output))

    def _wait(self, cpus: int) -> None:
        import ray

        while True:
            if any(node.poll() is not None for node in self._nodes):
                raise RuntimeError("a node of the cluster did not start; is the machine busy?")
            try:
                if not ray.is_initialized():
                    ray.init(address=self.address, log_to_driver=False, logging_level="ERROR")
                if ray.cluster_resources().get("CPU", 0) == cpus:
                    return
            except (ConnectionError, RuntimeError, ValueError):
                pass
            time.sleep(0.5)

    def stop(self) -> None:
        """End all of its processes."""
        import ray

        ray.shutdown()
        for node in self._nodes:
            os.killpg(node.pid, signal.SIGKILL)
            node.wait()


def mine(data: Path, engine: object, block_size: int) -> float:
    """Mine into a folder that goes, and give the seconds."""
    dataset = hn.read_dataset(data)
    vectors = f"vectors(document_vectors='{data}/documents.npy', query_vectors='{data}/queries.npy')"
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        hn.mine(dataset, sources=[vectors], out=out, block_size=block_size, engine=engine)
        return time.perf_counter() - started


def multiply(data: Path) -> float:
    """Multiply a tenth of the queries by all documents, and give ten times the seconds: no exact search takes less."""
    documents, queries = (np.load(data / f"{kind}.npy") for kind in ("documents", "queries"))
    out = np.empty((1_024, 8_192), np.float32)
    started = time.perf_counter()
    for row in range(0, len(queries) // 10, len(out)):
        for column in range(0, len(documents), out.shape[1]):
            some, others = queries[row : row + len(out)], documents[column : column + out.shape[1]]
            np.matmul(some, others.T, out=out[: len(some), : len(others)])
    return 10 * (time.perf_counter() - started)


def measure(way: str, workers: int, data: Path, block_size: int, shards: int) -> dict:
    """Measure one row."""
    if way == "product":
        return {"seconds": multiply(data)}
    if way == "local":
        seconds = mine(data, None, block_size)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        return {"seconds": seconds, "peak_gb": peak}
    cluster = Cluster(workers)
    try:
        return _on_ray(workers, data, block_size, None if way == "whole" else shards, cluster)
    finally:
        cluster.stop()


def _on_ray(workers: int, data: Path, block_size: int, shards: int | None, cluster: Cluster) -> dict:
    n_bytes = (data / "documents.npy").stat().st_size
    shard_gb = 1e9 if shards is None else n_bytes / shards / 1e9
    engine = Ray(address=cluster.address, workers=workers)
    cache, sizes = Path(os.environ["HARDNEG_CACHE"]), {}
    with working_on(engine), tempfile.TemporaryDirectory() as notes:
        started = time.perf_counter()
        list(engine.each(Nothing(), range(workers)))
        hired = time.perf_counter()
        list(engine.each(Nothing(), range(500)))
        emptied = time.perf_counter()
        seconds = mine(data, Counting(engine, shard_gb, cache / "searches", sizes), block_size)
        list(engine.each(Memory(notes), range(8 * workers)))
        memory = [json.loads(path.read_text()) for path in Path(notes).glob("*.json")]
    peak = {f"worker_{name}": max(row[name] for row in memory) for name in memory[0]}
    overheads = {"start_s": hired - started, "block_s": (emptied - hired) / 500}
    return {"seconds": seconds, **overheads, **peak, "moved_bytes": sum(sizes.values())}


def processor() -> str:
    """Name the processor, and of its instructions those that count here."""
    facts = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines())
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    wide = [each for each in ("avx2", "avx512f", "amx_tile") if each in facts["flags"].split()]
    return f"{facts['model name']} ({', '.join(wide)})"


def row_of(command: list[str], n_cores: int | None) -> dict:
    """Measure a row in a process of its own, on so many cores and with a thread for each."""
    pin = [] if n_cores is None else ["taskset", "-c", ",".join(map(str, cores()[:n_cores]))]
    threads = {} if n_cores is None else dict.fromkeys(_THREADS, str(n_cores))
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"HARDNEG_CACHE": cache} | threads
        ended = subprocess.run([*pin, *command], env=environment, check=True, capture_output=True, text=True)
    return json.loads(ended.stdout.splitlines()[-1])


def main() -> None:
    """Measure all rows, or the one that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=20_000)
    parser.add_argument("--documents", type=int, default=500_000)
    parser.add_argument("--block-size", type=int, default=1_024)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--most", type=int, default=2, help="workers, each with a core")
    parser.add_argument("--data", type=Path, default=Path("data/ray"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/ray/results.json"))
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--trove", help="a Python that has ir-trove, to compare with")
    parser.add_argument("--row", help="way and workers, as whole-2; for the process of one row")
    asked = parser.parse_args()
    data = (asked.data / f"{asked.queries}x{asked.documents}").absolute()
    if asked.row:
        way, workers = asked.row.split("-")
        print(json.dumps(measure(way, int(workers), data, asked.block_size, asked.shards)))
        return
    make(data, asked.queries, asked.documents)
    rows = []
    for way in (*asked.ways, *(["trove"] if asked.trove else ())):
        for workers in range(1, asked.most + 1):
            command = [sys.executable, __file__, *sys.argv[1:], "--row", f"{way}-{workers}"]
            if way == "trove":
                command = [asked.trove, "-m", "torch.distributed.run", "--nproc-per-node", str(workers)]
                command += [str(Path(__file__).with_name("trove_search.py")), "--data", str(data)]
            tries = [row_of(command, None if way in ON_RAY else workers) for _ in range(asked.times)]
            rows.append({"way": way, "workers": workers, **min(tries, key=lambda each: each["seconds"])})
            print(json.dumps(rows[-1]), flush=True)
    machine = {"processor": processor(), "cores": len(cores())}
    work = {"queries": asked.queries, "documents": asked.documents, "dim": _DIM, "block_size": asked.block_size}
    asked.out.write_text(json.dumps({"machine": machine, "work": work, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
