"""What breaks first on many machines: blocks, stragglers and failures of a search in shards, played through by simpy.

    python benchmarks/simulation/simulate.py --measure calibration.json     # times of a few blocks, on this machine
    python benchmarks/simulation/simulate.py --table                        # the plans below, by calibration.json

A worker of one core holds a shard of the documents' vectors, reads it once, and searches it for one block of queries
after another; its result goes over the network; each block of queries is merged by the worker whose answer was
the last of all shards'. A block takes its measured time, or, with a chance, several times that (a straggler); a
worker dies after a time drawn from an exponential distribution, comes back after another one,
reads its shard anew, and does the block
again that it was at. Nothing else is in it: no rack, no contention of disks, no autoscaler.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import simpy

HERE = Path(__file__).parent
CALIBRATION = HERE / "calibration.json"


@dataclass(frozen=True)
class Cluster:
    """The work and the machines; times in seconds, sizes in bytes."""

    shards: int
    blocks: int
    search_s: float  # of a block in a shard
    merge_s: float = 0.0  # of a block, once all shards have answered it
    load_s: float = 0.0  # of a shard
    workers: int = 0  # 0 for as many as shards: each shard has workers / shards of them
    sent_bytes: float = 0.0  # by a shard for a block
    network: float = float("inf")  # bytes a second, of all together
    handed_s: float = 0.0  # what the driver needs to hand out a task
    slow_share: float = 0.0  # of the blocks
    slow_times: float = 1.0
    again: bool = True  # a block that takes twice its time is done by another too: it takes three times at most
    fails_every_s: float = float("inf")  # of one worker, on average
    back_s: float = 0.0  # until it is there again
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """What was played through."""

    seconds: float
    searched: int  # (shard, block) in the result
    merged: int
    lost: int  # searches that failures cost
    driver_busy: float  # share of the time
    network_busy: float


def simulate(cluster: Cluster) -> Outcome:
    """Play a search through."""
    world = simpy.Environment()
    play = _Play(world, cluster)
    world.run(until=play.end)
    spent = max(world.now, 1e-12)
    return Outcome(
        seconds=world.now,
        searched=len(play.done),
        merged=len(play.merged),
        lost=play.lost,
        driver_busy=play.driver_s / spent,
        network_busy=play.network_s / spent,
    )


class _Play:
    def __init__(self, world: simpy.Environment, cluster: Cluster) -> None:
        self.world, self.cluster = world, cluster
        self.draw = np.random.default_rng(cluster.seed)
        self.driver, self.network = simpy.Resource(world), simpy.Resource(world)
        self.done: set[tuple[int, int]] = set()
        self.merged: set[int] = set()
        self.answered = np.zeros(cluster.blocks, int)
        self.lost, self.driver_s, self.network_s = 0, 0.0, 0.0
        self.end = world.event()
        each = max(1, cluster.workers // cluster.shards)
        for shard in range(cluster.shards):
            queue = list(range(cluster.blocks))[::-1]
            for _ in range(each):
                world.process(self._worker(shard, queue))

    def _worker(self, shard: int, queue: list[int]) -> Iterator[Any]:
        cluster, world = self.cluster, self.world
        alive_until = world.now + self._lifetime()
        yield world.timeout(cluster.load_s)
        while queue:
            block = queue.pop()
            yield from self._held(self.driver, cluster.handed_s, "driver_s")
            taken = self._taken()
            while world.now + taken > alive_until:
                self.lost += 1
                yield world.timeout(max(alive_until - world.now, 0) + cluster.back_s + cluster.load_s)
                alive_until, taken = world.now + self._lifetime(), self._taken()
            yield world.timeout(taken)
            yield from self._held(self.network, cluster.sent_bytes / cluster.network, "network_s")
            yield from self._answered(shard, block)

    def _answered(self, shard: int, block: int) -> Iterator[Any]:
        assert (shard, block) not in self.done
        self.done.add((shard, block))
        self.answered[block] += 1
        if self.answered[block] == self.cluster.shards:
            yield self.world.timeout(self.cluster.merge_s)
            self.merged.add(block)
            if len(self.merged) == self.cluster.blocks:
                self.end.succeed()

    def _held(self, what: simpy.Resource, seconds: float, counter: str) -> Iterator[Any]:
        if seconds > 0:
            with what.request() as turn:
                yield turn
                yield self.world.timeout(seconds)
            setattr(self, counter, getattr(self, counter) + seconds)

    def _taken(self) -> float:
        cluster = self.cluster
        if self.draw.random() >= cluster.slow_share:
            return cluster.search_s
        slow = cluster.search_s * cluster.slow_times
        return min(slow, 3 * cluster.search_s) if cluster.again else slow  # noticed at twice its time, then done anew

    def _lifetime(self) -> float:
        every = self.cluster.fails_every_s
        return float("inf") if every == float("inf") else float(self.draw.exponential(every))


def measure(path: Path, *, documents: int = 100_000, queries: int = 2_048, dim: int = 384, depth: int = 100) -> None:
    """Time a few blocks: an exact search of vectors drawn with a seed, merging, reading; and write them down."""
    from hardneg.search.exact import exact_topk

    draw = np.random.default_rng(0)
    towers = [draw.standard_normal((n, dim), dtype=np.float32) / np.float32(dim**0.5) for n in (queries, documents)]
    exact_topk(towers[0][:64], towers[1], depth)  # compiles
    search_s = _seconds(lambda: exact_topk(*towers, depth))
    parts = [exact_topk(towers[0][:512], part, depth) for part in np.array_split(towers[1], 8)]
    merge_s = _seconds(lambda: np.argsort(-np.concatenate([score for _, score in parts], axis=1), axis=1)[:, :depth])
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "shard.npy", towers[1])
        load_s = _seconds(lambda: np.load(Path(folder) / "shard.npy"))
    figures = {
        "product_s": search_s / (queries * documents * dim),  # of one multiplication of a query and a document
        "merge_row_s": merge_s / (512 * 8 * depth),
        "load_byte_s": load_s / towers[1].nbytes,
        "handed_s": 0.0015,  # a block of Ray, as benchmarks/ray measured it
        "measured": {"documents": documents, "queries": queries, "dim": dim, "depth": depth, "cpu": _cpu(), "cores": 1},
    }
    path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _seconds(work: Any) -> float:
    taken = []
    for _ in range(3):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


def _cpu() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].split(":", 1)[1].strip() if names else platform.machine()


def plan(figures: dict[str, Any], *, documents: float, queries: float, workers: int, shard_gb: float = 8.0) -> Cluster:
    """Say what a plan is as a cluster, by what was measured: one core a worker, 384 dimensions, depth 100."""
    dim, depth, block = 384, 100, 8_192
    shards = int(np.ceil(documents * dim * 4 / (shard_gb * 1e9)))
    blocks = int(np.ceil(queries / block))
    return Cluster(
        shards=shards,
        blocks=blocks,
        workers=max(workers, shards),
        search_s=figures["product_s"] * block * documents / shards * dim,
        merge_s=figures["merge_row_s"] * block * shards * depth,
        load_s=figures["load_byte_s"] * shard_gb * 1e9,
        sent_bytes=block * depth * 8,
        network=25e9 / 8,
        handed_s=figures["handed_s"],
    )


def in_small(cluster: Cluster, blocks: int = 48) -> tuple[Cluster, float]:
    """Take fewer blocks, and say how many times more there are."""
    each = max(1, cluster.workers // cluster.shards)
    small = min(cluster.blocks, blocks * each)
    return replace(cluster, blocks=small), cluster.blocks / small


def table(figures: dict[str, Any]) -> None:
    """Print what each trouble costs on each plan."""
    day = 86_400.0
    print(
        "| documents | queries | workers | shards | trouble | days | against none | driver busy | network busy | lost |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for documents, queries, workers in ((1e8, 1e7, 200), (1e9, 1e8, 2_000)):
        whole = plan(figures, documents=documents, queries=queries, workers=workers)
        none = None
        for name, change in {
            "none": {},
            "1 % of blocks 10 times as slow": {"slow_share": 0.01, "slow_times": 10.0},
            "the same, nothing done twice": {"slow_share": 0.01, "slow_times": 10.0, "again": False},
            "each worker lost once in 2 days, back in 10 min": {"fails_every_s": 2 * day, "back_s": 600.0},
            "each worker lost every 12 hours": {"fails_every_s": day / 2, "back_s": 600.0},
            "a network of 1 Gbit/s for all": {"network": 1e9 / 8},
            "a driver that takes 100 ms a task": {"handed_s": 0.1},
        }.items():
            small, times = in_small(replace(whole, **change))
            outcome = simulate(small)
            days = outcome.seconds * times / day
            none = days if none is None else none
            print(
                f"| {documents:.0e} | {queries:.0e} | {whole.workers:,} | {whole.shards} | {name} | {days:,.1f} "
                f"| {days / none:.2f} | {outcome.driver_busy:.1%} | {outcome.network_busy:.1%} | {outcome.lost} |",
                flush=True,
            )


def main() -> None:
    """Measure, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", type=Path, help="file to write")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure)
    if arguments.table:
        figures = json.loads(CALIBRATION.read_text(encoding="utf-8"))
        print(json.dumps(asdict(plan(figures, documents=1e9, queries=1e8, workers=2_000))))
        table(figures)


if __name__ == "__main__":
    main()
