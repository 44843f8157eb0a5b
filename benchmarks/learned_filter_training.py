"""What the learned filter's negatives do to a trained model, beside the margin's: same pairs, same steps.

    python benchmarks/learned_filter_training.py --data FOLDER [--sets nl2bash_single nfcorpus] [--arms …] [--seeds 1 2]

MiniLM, bf16, 48 steps of 32 pairs, 64 tokens, learning rate 3e-5, one negative a pair of the four mined, short queries
filled up with random documents; measured on the splits dev and test at 128 tokens. `--split dev` shows
the figures of dev alone. Each (set, arm, seed) is a Parquet file a split under results/learned_filter; one that is
there is not done again, and an interrupted run goes on.
"""

import argparse
import itertools
import shutil
import time
from dataclasses import replace
from pathlib import Path

import polars as pl

from hardneg.evaluation.retrieval import evaluate
from hardneg.filters import Filter, NearDuplicate
from hardneg.negatives import Selection
from hardneg.pipeline.mining import mine
from hardneg.sources import Dense
from hardneg.training.loop import train
from hardneg.training.refresh.settings import Refresh
from hardneg.training.settings import TrainSettings
from learned_filter import LEARNED, MARGIN, MODEL, RESULTS, SETS, dataset_of, sources
from tables import against, over_seeds

MEASURE = "nDCG@10"
ARMS: dict[str, tuple[Filter, ...] | None] = {
    "in_batch": None,
    "naive": (),
    "margin": (MARGIN,),
    "learned_alone": (LEARNED,),
    "learned": (replace(LEARNED, in_doubt="margin"),),
    "margin_and_learned": (MARGIN, LEARNED),
}
REFRESHED = {"margin_refreshed": "margin"}


def cell(name: str, arm: str, seed: int, *, data: Path, runs: Path) -> None:
    """Mine once an arm, train once a seed, measure, and keep each query's figures."""
    stem = f"{name}-{arm}-seed{seed}"
    places = {split: RESULTS / f"{stem}-{split}.parquet" for split in ("dev", "test")}
    split, (dataset, _) = SETS[name][1], dataset_of(name, data)
    measured = [each for each in places if each != split]
    if all(places[each].exists() for each in measured):
        return
    filters, mined = ARMS[REFRESHED.get(arm, arm)], None
    if filters is not None:
        mined = mine(
            dataset,
            split=split,
            sources=sources(),
            filters=(NearDuplicate(), *filters),
            select=Selection(per_query=4, shortage="fill_random"),
            out=runs / f"{name}-{REFRESHED.get(arm, arm)}-mined",
        )
    settings = TrainSettings(
        max_tokens=64, negatives_per_row=1, learning_rate=3e-5, seed=seed, max_steps=48, checkpoint_every=50
    )
    if arm in REFRESHED:
        settings = replace(settings, refresh=Refresh(every=24))
    started, out = time.perf_counter(), runs / stem
    trained = train(
        MODEL,
        dataset,
        None if mined is None else mined.negatives,
        plan=mined.plan if mined and settings.refresh else None,
        settings=settings,
        split=split,
        out=out,
    )
    print(f"{stem}: {time.perf_counter() - started:.0f} s", flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    for each in measured:
        one = evaluate(dataset, Dense(model=str(trained.path), max_tokens=128), split=each, name=stem)
        one.per_query.write_parquet(places[each])
    shutil.rmtree(trained.path)


def table(name: str, split: str) -> None:
    """Print the arms of one set, each against the margin, queries paired over their mean of the seeds."""
    arms: dict[str, list[pl.DataFrame]] = {}
    for path in sorted(RESULTS.glob(f"{name}-*-{split}.parquet")):
        arm = path.stem.removeprefix(f"{name}-").rpartition("-seed")[0]
        arms.setdefault(arm, []).append(pl.read_parquet(path))
    means = {arm: over_seeds(frames) for arm, frames in arms.items()}
    print(f"\n{name}, {split}, {MEASURE}\n| arm | mean | each seed | against the margin | against in-batch |")
    print("|---|---|---|---|---|")
    for arm, frames in arms.items():
        seeds = " ".join(f"{frame[MEASURE].mean():.4f}" for frame in frames)
        others = (means.get(before) if before != arm else None for before in ("margin", "in_batch"))
        cells = ["" if other is None else against(other, means[arm], MEASURE) for other in others]
        print(f"| {arm} | {means[arm][MEASURE].mean():.4f} | {seeds} | {' | '.join(cells)} |")


def main() -> None:
    """Fill in the cells that are not there, then print what is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["nl2bash_single", "nfcorpus"], choices=list(SETS))
    parser.add_argument("--arms", nargs="+", default=[*ARMS, *REFRESHED])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--split", choices=["dev", "test"], default="test", help="of the table")
    parser.add_argument("--runs", type=Path, default=Path("runs/learned_filter"))
    arguments = parser.parse_args()
    for seed, name, arm in itertools.product(arguments.seeds, arguments.sets, arguments.arms):
        cell(name, arm, seed, data=arguments.data, runs=arguments.runs)
    for name in arguments.sets:
        table(name, arguments.split)


if __name__ == "__main__":
    main()
