"""How much do more negatives help, and what do they cost: by the batch, beside it, mined, or from a queue?

    python benchmarks/negative_count.py --data FOLDER [--sets nl2bash scifact] [--arms …] [--seeds 1 2 3]
    python benchmarks/negative_count.py --plot

The pairs, epochs and measure of benchmarks/levers.py, whose files of batch 32 and 256 are read too. Four ways to more:

    batch    16 to 1,024 pairs a step (one epoch each, so larger batches take fewer steps; the rate grows with the root)
    beside   batch 32, and 1 to 31 random documents a pair, which all rows share: more negatives in the same steps
    mined    batch 32, and 1 to 16 of 16 mined documents a pair (the model's own, at most 0.95 of the positive's score)
    queue    batch 32, and the documents of earlier steps, of a key encoder: 128, 512, or all that there were

Each (set, arm, seed) is a Parquet file under results/negative_count; one that is there is not done again. The table
says how many documents a pool held at most, the measure with a 95 % interval over queries, and the seconds.
"""

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from filters_training import MEASURE, MODEL, SPLITS, with_trained
from hardneg.data.reading import read_dataset
from hardneg.drawing.figure import standalone
from hardneg.evaluation.significance import compare
from hardneg.filters import PositiveMargin
from hardneg.reports.figures_of_quality import pool_sizes
from hardneg.sources import Dense, Random
from hardneg.training.pool.settings import Queue
from levers import RESULTS as OF_LEVERS
from levers import Mining, mined, trained_and_measured
from tables import against, over_seeds

RESULTS = Path(__file__).parent / "results" / "negative_count"
PICTURES = Path(__file__).parents[1] / "docs" / "images"
MINED = {
    "beside": Mining((Random(),), per_query=31),
    "mined": Mining((Dense(model=MODEL),), (PositiveMargin(ratio=0.95, score="dense"),), per_query=16),
}
WAYS = {"batch": "larger batch", "beside": "random documents", "mined": "mined and filtered", "queue": "queue"}
LARGEST_QUEUE = 65_536


def _of_batch(size: int) -> dict[str, Any]:
    return {"batch_size": size, "cache_tokens": 8_192, "learning_rate": 3e-5 * (size / 32) ** 0.5}


ARMS: dict[str, dict[str, Any]] = {
    **{f"batch_{size}": _of_batch(size) for size in (16, 64, 1_024)},
    **{f"beside_{number}": {"negatives_per_row": number, "cache_tokens": 8_192} for number in (1, 3, 7, 15, 31)},
    **{f"mined_{number}": {"negatives_per_row": number, "cache_tokens": 8_192} for number in (1, 2, 4, 8, 16)},
    **{f"queue_{size}": {"queue": Queue(size=size, momentum=0.999)} for size in (128, 512, LARGEST_QUEUE)},
}
SHARED = {"batch_32": "in_batch", "batch_256": "batch_256"}


def place_of(name: str, arm: str, seed: int) -> Path:
    """Say where the figures of a cell are."""
    folder, stem = (OF_LEVERS, SHARED[arm]) if arm in SHARED else (RESULTS, arm)
    return folder / f"{name}-{stem}-seed{seed}.parquet"


def found_of(name: str) -> tuple[dict[str, dict[int, pl.DataFrame]], dict[str, list[dict[str, Any]]]]:
    """Read what is there of a set: each arm's figures by seed, and what they cost; few negatives before many."""
    frames: dict[str, dict[int, pl.DataFrame]] = {}
    costs: dict[str, list[dict[str, Any]]] = {}
    arms = sorted([*SHARED, *ARMS], key=lambda arm: (arm.partition("_")[0], int(arm.rpartition("_")[2])))
    for arm, seed in itertools.product(arms, (1, 2, 3)):
        place = place_of(name, arm, seed)
        if place.exists():
            frames.setdefault(arm, {})[seed] = pl.read_parquet(place)
            costs.setdefault(arm, []).append(json.loads(place.with_suffix(".json").read_text()))
    return frames, costs


def refreshed(name: str) -> dict[int, pl.DataFrame]:
    """Read the figures of one filtered negative a row, refreshed, by seed."""
    places = {seed: OF_LEVERS / f"{name}-refresh-seed{seed}.parquet" for seed in (1, 2, 3)}
    return {seed: pl.read_parquet(place) for seed, place in places.items() if place.exists()}


def pool_of(arm: str, costs: list[dict[str, Any]]) -> int:
    """Say how many documents the largest pool of an arm held."""
    return max(cost.get("pool", int(arm.rpartition("_")[2])) for cost in costs)


def table(name: str) -> None:
    """Print one set's arms, few negatives first, each against batch 32 and `refresh` of levers.py, same seeds."""
    frames, costs = found_of(name)
    bases = {"batch 32": frames["batch_32"], "refresh": refreshed(name)}
    compared = " | ".join(f"against {base}" for base in bases)
    print(f"\n{name}, {MEASURE}\n| arm | pool | {MEASURE} | seeds | {compared} | steps | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for arm, own in frames.items():
        mean = over_seeds(list(own.values()))
        gains = []
        for base in bases.values():
            same = [frame for seed, frame in base.items() if seed in own]
            gains.append(against(over_seeds(same), mean, MEASURE) if base is not own and len(same) == len(own) else "")
        seconds = np.median([cost["seconds"] for cost in costs[arm]])
        pool, steps = pool_of(arm, costs[arm]), costs[arm][0]["steps"]
        cells = [arm, pool, f"{mean[MEASURE].mean():.4f}", len(own), *gains, steps, f"{seconds:.0f}"]
        print(f"| {' | '.join(str(cell) for cell in cells)} |")


def plot(name: str) -> None:
    """Draw the difference to batch 32, same seeds, against the size of the pool; a curve for each way to more."""
    frames, costs = found_of(name)
    rows = [{"name": "batch_32", "group": WAYS["batch"], "n_pool": 32.0, "value": 0.0, "low": 0.0, "high": 0.0}]
    for arm, own in frames.items():
        base = [frame for seed, frame in frames["batch_32"].items() if seed in own]
        if arm != "batch_32" and len(base) == len(own):
            gain = compare(over_seeds(base), over_seeds(list(own.values())), MEASURE)
            figures = {"value": gain.difference, "low": gain.low, "high": gain.high}
            size = float(pool_of(arm, costs[arm]))
            rows.append({"name": arm, "group": WAYS[arm.partition("_")[0]], "n_pool": size, **figures})
    figure = pool_sizes(pl.DataFrame(rows), measure=f"{MEASURE} more than a batch of 32")
    if figure is not None:
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / f"negative_count_{name}.svg").write_text(standalone(figure), encoding="utf-8")


def main() -> None:
    """Fill in the cells that are not there, then print what is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the datasets; without it, only what is there is shown")
    parser.add_argument("--plot", action="store_true", help="draw docs/images/negative_count_SET.svg too")
    parser.add_argument("--sets", nargs="+", default=["nl2bash", "scifact"], choices=list(SPLITS))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--runs", type=Path, default=Path("runs/negative_count"))
    arguments = parser.parse_args()
    if arguments.data is not None:
        fill_in(arguments)
    for name in arguments.sets:
        table(name)
        if arguments.plot:
            plot(name)


def fill_in(arguments: argparse.Namespace) -> None:
    """Train and measure what is not there yet."""
    datasets = {name: with_trained(read_dataset(arguments.data / name), SPLITS[name]) for name in arguments.sets}
    for seed, name, arm in itertools.product(arguments.seeds, arguments.sets, arguments.arms):
        if place_of(name, arm, seed).exists():
            continue
        group = arm.partition("_")[0]
        found = None
        if group in MINED:
            found = mined(datasets[name], name, group, arguments.runs, what=MINED[group])
        trained_and_measured(
            datasets[name], found, ARMS[arm] | {"seed": seed}, place_of(name, arm, seed), arguments.runs
        )


if __name__ == "__main__":
    main()
