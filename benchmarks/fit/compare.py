"""`hardneg fit` against what a user would run instead, from the same pairs and the same model.

    python benchmarks/fit/compare.py --data FOLDER [--sets nl2bash …] [--minutes 20] [--arms fit …] [--table]

Arms, each measured on the test split, which nothing was chosen by:

- `fit`: `hardneg fit` with a budget of minutes; `in_batch` is the training that it compares with, rate and length
  chosen on dev likewise.
- `st_steps`, `st_time`: sentence-transformers' documented way: `mine_hard_negatives` with `relative_margin=0.05`, then
  `MultipleNegativesRankingLoss` in its Trainer (batches of 32, learning rate 2e-5), for as many steps as the winner of
  `fit` was trained, and for as much wall time as all of `fit` took, mining included.
- `flag_steps`, `flag_time`: FlagEmbedding's rule in the same trainer: 15 negatives drawn from ranks 10 to 210, all of
  them in each row, temperature 0.02, learning rate 1e-5.

The peers train on all pairs of train and dev; `fit` on these, or where it hands over what it raced, on those of train
alone, as `in_batch` beside it. The static embeddings of `weak` have the rate that sentence-transformers documents for
them, 0.2, and batches of 128. The sets are those of benchmarks/strong_levers.py, which says how `weak` and `stdlib` are
made: a seeded choice of as many of their training queries as there, and of 300 of their development queries, with all
answers of each; test splits are whole. Labels of the queries that are left out stay labels, of a split that nothing
reads. Results are files under results/fit, one a set and arm; one that is there is not done again.
"""

import argparse
import json
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import hardneg as hn
from hardneg.data.dataset import Dataset
from hardneg.data.query_form import in_form
from hardneg.evaluation.retrieval import evaluate
from hardneg.fits.finish import with_dev_trained
from hardneg.fits.fitting import Fitting
from hardneg.fits.request import FitRequest
from hardneg.ladders.prepare import Wanted
from hardneg.pipeline.run import run
from hardneg.randomness import bits
from hardneg.recipe import FromPath, Recipe
from hardneg.sources import Dense

sys.path.insert(0, str(Path(__file__).parent.parent))
from filters_training import SEED
from strong_levers import BEDS, cut_after, weak_model
from tables import against

RESULTS = Path(__file__).parents[1] / "results" / "fit"
MEASURE, TOKENS, BATCH = "nDCG@10", 64, 32
N_DEV, ASIDE = 300, "aside"
PEERS: dict[str, dict[str, Any]] = {
    "st": {"mining": {"relative_margin": 0.05}, "rate": 2e-5, "scale": 20.0},
    "flag": {
        "mining": {"range_min": 10, "range_max": 210, "num_negatives": 15, "sampling_strategy": "random"},
        "rate": 1e-5,
        "scale": 50.0,
    },
}
STATIC_RATE = 0.2  # of static embeddings, as sentence-transformers documents it


@dataclass(frozen=True)
class Cell:
    """A result of one arm on one set."""

    per_query: pl.DataFrame
    facts: dict[str, Any]


def kept(name: str, arm: str) -> Cell | None:
    """Read a result, if it is there."""
    place = RESULTS / f"{name}-{arm}"
    if not place.with_suffix(".json").exists():
        return None
    return Cell(pl.read_parquet(f"{place}.parquet"), json.loads(place.with_suffix(".json").read_text()))


def keep(name: str, arm: str, per_query: pl.DataFrame, **facts: Any) -> None:
    """Write a result."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    per_query.write_parquet(RESULTS / f"{name}-{arm}.parquet")
    (RESULTS / f"{name}-{arm}.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(f"{name} {arm}: {per_query[MEASURE].mean():.4f} {facts}", flush=True)


def read(name: str, data: Path) -> Dataset:
    """Read a set as the study of levers does, with as many training queries."""
    bed = BEDS[name]
    dataset = cut_after(hn.read_dataset(data / (bed.folder or name)), bed.characters)
    dataset = in_form(dataset, bed.form) if bed.form else dataset
    labels = dataset.qrels.with_columns(pl.col("split").replace({bed.split: "train"}))
    for split, most in (("train", bed.n_queries), ("dev", N_DEV if bed.n_queries else None)):
        queries = labels.filter(split=split)["query"].unique().sort()
        order = np.argsort(bits(SEED, 3, queries.to_numpy()), kind="stable")
        beyond = queries[order[most:]] if most else queries.clear()
        is_beyond = (pl.col("split") == split) & pl.col("query").is_in(beyond.to_list())
        labels = labels.with_columns(split=pl.when(is_beyond).then(pl.lit(ASIDE)).otherwise("split"))
    return dataset.with_labels(labels)


def start(name: str, runs: Path) -> str:
    """Name the model that all arms start from."""
    return weak_model(runs / "weak-model") if BEDS[name].model == "weak" else BEDS[name].model


def fitted(name: str, data: Path, runs: Path, minutes: float) -> Path:
    """Fit, and keep what its winner and in-batch training reach."""
    out = runs / f"{name}-fit"
    result = hn.fit(read(name, data), model=start(name, runs), out=out, minutes=minutes, max_tokens=TOKENS)
    seconds = sum(result.found["seconds"].values())
    entry = result.found["choice"]["entry"]
    rows = {path.parent.name: path for path in out.glob("finish/*/evaluation/*/per_query.parquet")}
    winner = (
        "zero_shot" if result.best == "zero_shot" else "in_batch-seed0" if result.best == "in_batch" else "mined-seed0"
    )
    steps = entry and round(entry["steps"] * result.found["grown"])
    facts = {"strategy": result.best, "entry": entry, "steps": steps, "minutes": minutes, "seconds": round(seconds)}
    keep(name, "fit", pl.read_parquet(rows[winner]), **facts)
    if "in_batch-seed0" not in rows:
        rows["in_batch-seed0"] = in_batch_beside(out, result.found, runs / f"{name}-in-batch")
    for row, arm in (("bm25", "bm25"), ("zero_shot", "zero_shot"), ("in_batch-seed0", "in_batch")):
        keep(name, arm, pl.read_parquet(rows[row]))
    return out


def in_batch_beside(fit: Path, found: dict[str, Any], out: Path) -> Path:
    """Train in-batch by the best rate of its own for as long as the winner, where a fit had no time to; not counted."""
    tried = [one for each in found["rounds"] for one in each["standings"] if one["strategy"] == "in_batch"]
    best = max(tried, key=lambda one: one["value"])
    recipe = Recipe.load(fit / "race" / f"in_batch-{best['rate']:g}-{best['steps']}" / "recipe.toml")
    steps = max(best["steps"], found["choice"]["entry"]["steps"])
    longer = replace(recipe.train, max_steps=round(steps * found["grown"]), watch=None)
    data = FromPath(path=str((fit / "finish" / "dataset").resolve()))
    run(replace(recipe, train=longer, dataset=data, evaluate=replace(recipe.evaluate, rows=())), out=out)
    return next(out.glob("evaluation/in_batch-seed0/per_query.parquet"))


def labelled(name: str, data: Path, runs: Path) -> Dataset:
    """Take all pairs that there are labels of but those of the test, as `fit` does where it trains its winner anew."""
    request = FitRequest(wanted=Wanted(model=start(name, runs), max_tokens=TOKENS))
    fitting = Fitting(read(name, data), request, runs / f"{name}-labelled")
    return with_dev_trained(fitting._dataset, split="train", dev=fitting._dev)


def peer(name: str, kind: str, data: Path, runs: Path, *, seconds: float | None, steps: int | None) -> None:
    """Mine and train as a peer does, within a time or for a number of steps."""
    import torch
    from datasets import Dataset as Rows
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.util import mine_hard_negatives

    from hardneg.models.given import resolve_model
    from hardneg.models.loading import choose_precision

    dataset = labelled(name, data, runs)
    started, how = time.perf_counter(), PEERS[kind]
    query, document = dataset.pairs_of("train")
    texts = {"query": dataset.query_texts.gather(query), "answer": dataset.document_texts.gather(document)}
    model = SentenceTransformer(str(resolve_model(start(name, runs))), device="cpu")
    is_static = BEDS[name].model == "weak"
    if not is_static:
        model.max_seq_length = TOKENS
    rows = mine_hard_negatives(
        Rows.from_dict({key: column.to_list() for key, column in texts.items()}),
        model,
        corpus=dataset.document_texts.to_list(),
        output_format="n-tuple" if kind == "flag" else "triplet",
        verbose=False,
        **how["mining"],
    )
    mined_s = time.perf_counter() - started

    def train(n_steps: int) -> float:
        settings = SentenceTransformerTrainingArguments(
            output_dir=str(runs / f"{name}-peer"),
            per_device_train_batch_size=BEDS[name].settings.get("batch_size", BATCH),
            max_steps=n_steps,
            learning_rate=STATIC_RATE if is_static else how["rate"],
            warmup_steps=0.1,
            use_cpu=True,
            bf16=not is_static and choose_precision("auto", torch.device("cpu")) == "bf16",  # as hardneg trains
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            seed=0,
        )
        trainer = SentenceTransformerTrainer(
            model=model, args=settings, train_dataset=rows, loss=MultipleNegativesRankingLoss(model, scale=how["scale"])
        )
        return float(trainer.train().metrics["train_runtime"])

    if seconds is not None:
        before = {key: value.clone() for key, value in model.state_dict().items()}
        first_s = train(2)  # which pays for what is prepared once
        each_s = (train(10) - train(2)) / 8
        model.load_state_dict(before)
        steps = max(1, int((seconds - mined_s - max(first_s - 2 * each_s, 0.0)) / each_s))
    trained_s = train(int(steps or 1))
    out = runs / f"{name}-peer-model"
    model.save_pretrained(str(out))
    found = evaluate(dataset, Dense(model=str(out), max_tokens=TOKENS), split="test", name=kind)
    arm = f"{kind}_{'steps' if seconds is None else 'time'}"
    facts = {"rows": len(rows), "steps": steps, "mined_s": round(mined_s), "trained_s": round(trained_s)}
    keep(name, arm, found.per_query, **facts)
    shutil.rmtree(out)


ARMS = ("bm25", "zero_shot", "in_batch", *(f"{kind}_{how}" for kind in PEERS for how in ("steps", "time")))


def table(names: list[str]) -> None:
    """Print what is there: each set's arms, and the winner of `fit` against each."""
    sets = {name: found for name in names if (found := kept(name, "fit")) is not None}
    print(f"{MEASURE} on the test queries\n\n| | queries | " + " | ".join(ARMS) + " | fit | by | steps | seconds |")
    print("|---|---|" + "---|" * (len(ARMS) + 4))
    for name, fit in sets.items():
        cells = [kept(name, arm) for arm in ARMS]
        values = ["" if cell is None else f"{cell.per_query[MEASURE].mean():.4f}" for cell in cells]
        how = f"`{fit.facts['strategy']}` | {fit.facts['steps'] or ''} | {fit.facts['seconds']:,}"
        best = f"**{fit.per_query[MEASURE].mean():.4f}**"
        print(f"| {name} | {fit.per_query.height:,} | {' | '.join(values)} | {best} | {how} |")
    print(f"\nWhat `fit` has more\n\n| | {' | '.join(ARMS[2:])} |\n|---|{'---|' * len(ARMS[2:])}")
    for name, fit in sets.items():
        cells = [kept(name, arm) for arm in ARMS[2:]]
        gains = ["" if cell is None else against(cell.per_query, fit.per_query, MEASURE) for cell in cells]
        print(f"| {name} | {' | '.join(gains)} |")
    print("\nHow long the peers trained, and on what\n\n| | arm | rows | steps | seconds of mining | of training |")
    print("|---|---|---|---|---|---|")
    for name in sets:
        for arm in ARMS[3:]:
            cell = kept(name, arm)
            if cell is not None:
                facts = [f"{cell.facts[key]:,}" for key in ("rows", "steps", "mined_s", "trained_s")]
                print(f"| {name} | {arm} | {' | '.join(facts)} |")


def main() -> None:
    """Fill in what is not there, then print what is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs/fit"))
    parser.add_argument("--sets", nargs="+", default=list(BEDS), choices=list(BEDS))
    parser.add_argument("--arms", nargs="+", default=["fit", *(f"{k}_{h}" for k in PEERS for h in ("steps", "time"))])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--table", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    for name in arguments.sets if not arguments.table else ():
        if "fit" in arguments.arms and kept(name, "fit") is None:
            fitted(name, arguments.data, arguments.runs, arguments.minutes)
        fit = kept(name, "fit")
        for kind in PEERS if fit is not None else ():
            if f"{kind}_steps" in arguments.arms and kept(name, f"{kind}_steps") is None:
                peer(name, kind, arguments.data, arguments.runs, seconds=None, steps=fit.facts["steps"])
            if f"{kind}_time" in arguments.arms and kept(name, f"{kind}_time") is None:
                peer(name, kind, arguments.data, arguments.runs, seconds=fit.facts["seconds"], steps=None)
    table(arguments.sets)


if __name__ == "__main__":
    main()
