"""Which strategy, taken without a look at one's data, loses least? Regret on development queries, over all sets.

    python benchmarks/defaults.py [--sets scifact …] [--arms …] [--test ARM]
    python benchmarks/defaults.py --rates-of in_batch --sets scifact dstc11 stdlib staqc nfcorpus nl2bash banking77 …

Reads what benchmarks/strong_levers.py measured, and trains nothing. The regret of an arm on a set is what the best of
the arms there has more, nDCG@10 on the development queries, at one rate; a default is chosen by the mean over the sets
and by the worst. `--test` prints what an arm gains on in-batch training on the test queries of each set: for the arm
that was chosen, once it is chosen. `--rates-of` compares the learning rates of one arm likewise, and prints what each
has on the test queries where that is known.
"""

import argparse
import json

import polars as pl

from strong_levers import ARMS, BEDS, MEASURE, RESULTS, dev_by_rate
from tables import against, over_seeds

RATE = {"weak": 0.1}


def measured(name: str, arm: str, split: str) -> dict[str, pl.DataFrame]:
    """Give the figures of an arm on a split of a set, by seed."""
    paths = sorted(RESULTS.glob(f"{name}-{arm}-{RATE.get(name, 3e-5):g}-seed*-{split}.parquet"))
    return {path.stem.split("-")[-2]: pl.read_parquet(path) for path in paths}


def mean(name: str, arm: str, split: str) -> float | None:
    """Give the mean of the first seed, which every arm has."""
    tables = measured(name, arm, split)
    return float(tables["seed1"][MEASURE].mean()) if tables else None  # type: ignore[arg-type]


def seconds(name: str, arm: str) -> float:
    """Say how long an arm trained on a set, with its refreshes, without mining."""
    path = RESULTS / f"{name}-{arm}-{RATE.get(name, 3e-5):g}-seed1.json"
    return float(json.loads(path.read_text())["seconds"])


def regrets(sets: list[str], arms: list[str]) -> None:
    """Print each arm's regret on each set, and its mean and worst over all of them."""
    dev = {(name, arm): mean(name, arm, "dev") for name in sets for arm in arms}
    best = {name: max(value for arm in arms if (value := dev[name, arm]) is not None) for name in sets}
    print("| arm | " + " | ".join(sets) + " | mean | worst | seconds, in-batch = 1 |")
    print("|---|" + "---|" * (len(sets) + 3))
    for arm in arms:
        lost = [None if (value := dev[name, arm]) is None else best[name] - value for name in sets]
        row = ["" if each is None else f"{each:.4f}" for each in lost]
        there = [each for each in lost if each is not None]
        whole = [f"{sum(there) / len(there):.4f}", f"{max(there):.4f}"] if len(there) == len(sets) else ["", ""]
        costs = [seconds(n, arm) / seconds(n, "in_batch") for n in sets if dev[n, arm] is not None]
        print(f"| {arm} | " + " | ".join([*row, *whole, f"{sorted(costs)[len(costs) // 2]:.1f}"]) + " |")
    print("\nbest on dev: " + ", ".join(f"{name} {value:.4f}" for name, value in best.items()))


def gains(sets: list[str], arm: str) -> None:
    """Print what an arm has on the test queries of each set beside in-batch training, over the seeds that both have."""
    print(f"\n| set | test queries | in-batch | {arm} | difference |\n|---|---|---|---|---|")
    for name in sets:
        before, after = measured(name, "in_batch", "test"), measured(name, arm, "test")
        both = sorted(before.keys() & after.keys())
        if both:
            one, two = over_seeds([before[seed] for seed in both]), over_seeds([after[seed] for seed in both])
            means = f"{one[MEASURE].mean():.4f} | {two[MEASURE].mean():.4f}"
            print(f"| {name} | {one.height:,} | {means} | {against(one, two, MEASURE)} |")


def rates(sets: list[str], arm: str) -> None:
    """Print the regret of each rate that an arm was trained with on all sets, and what it has there."""
    dev = {name: {float(rate): value for rate, value in dev_by_rate(name, arm).items()} for name in sets}
    shared = sorted(set.intersection(*(set(each) for each in dev.values())))
    print(f"\n| rate of {arm} | " + " | ".join(sets) + " | mean | worst |\n|---|" + "---|" * (len(sets) + 2))
    for rate in shared:
        lost = [max(dev[name][each] for each in shared) - dev[name][rate] for name in sets]
        cells = [f"{each:.4f}" for each in [*lost, sum(lost) / len(lost), max(lost)]]
        print(f"| {rate:g} | " + " | ".join(cells) + " |")
    print("\non test: ", end="")
    for name in sets:
        paths = {rate: RESULTS / f"{name}-{arm}-{rate:g}-seed1-test.parquet" for rate in shared}
        there = [
            f"{rate:g} {pl.read_parquet(path)[MEASURE].mean():.4f}" for rate, path in paths.items() if path.exists()
        ]
        print(f"{name} {', '.join(there)}", end="; ")
    print()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=list(BEDS), choices=list(BEDS))
    chosen = ["in_batch", "turns", "mined_filtered", "filtered_8", "near_filtered_8", "refresh", "clusters_linked_near"]
    parser.add_argument("--arms", nargs="+", default=chosen, choices=list(ARMS))
    parser.add_argument("--test", choices=list(ARMS))
    parser.add_argument("--rates-of", choices=list(ARMS))
    arguments = parser.parse_args()
    if arguments.rates_of:
        rates(arguments.sets, arguments.rates_of)
        return
    regrets(arguments.sets, arguments.arms)
    if arguments.test:
        gains(arguments.sets, arguments.test)


if __name__ == "__main__":
    main()
