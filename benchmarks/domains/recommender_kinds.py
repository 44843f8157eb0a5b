"""Recommenders on two kinds of data, with an order and without: what dev chooses, and what the test says of it, once.

    python benchmarks/domains/debian_depends.py DATA/debian
    python benchmarks/domains/recommender_kinds.py dev movielens debian --data DATA --runs RUNS
    python benchmarks/domains/recommender_kinds.py test movielens debian --data DATA --runs RUNS --peers PYTHON
    python benchmarks/domains/recommender_kinds.py table

DATA holds `ml-latest-small` and what the first command writes; PYTHON is an interpreter with the package `implicit`.
`dev` trains one seed of each setting in CELLS with two uniform negatives a row and looks at dev. `test` trains seeds of
the arms, `before` with the settings of `recommender.toml`, and fits the peers as dev chose them, again with dev.
Held-out answers are the same in all settings. A cell is a file or two under results/recommender; what is there is not
done again. Gains are paired over queries, each query's nDCG@10 averaged over the seeds.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from recommender import tuned_peers

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.data.rejections import Rejections
from hardneg.domains.recommender.build import interactions_dataset
from hardneg.domains.recommender.files import read_interactions, read_items
from hardneg.domains.recommender.item_model import build_item_model
from hardneg.domains.recommender.splits import InteractionSplits, with_order
from hardneg.evaluation.retrieval import Evaluation, evaluate
from hardneg.evaluation.significance import Row, compare
from hardneg.losses import InfoNCE
from hardneg.negatives import Selection
from hardneg.pipeline.mining import mine
from hardneg.recipe import Recipe
from hardneg.sources import Dense, Random, RunFile
from hardneg.training.loop import train

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "recommender"
SETTINGS = HERE / "recommender.toml"
MEASURE = "nDCG@10"
WHOLE = 1_000  # longer than any history
DRAWN = InteractionSplits(by="random")


@dataclass(frozen=True)
class Setting:
    """What is chosen on dev beside the negatives."""

    history: int = WHOLE
    dimension: int = 64
    weight_decay: float = 0.1
    epochs: int = 4
    temperature: float = 0.1
    learning_rate: float = 0.1
    kept: float = 1.0  # share of the items of a training history that asks; those of dev and test are whole
    ordered: bool = False  # without times: cut what the seed drew first and later, as if that were an order

    def __str__(self) -> str:
        """Name a cell."""
        rate = "" if self.learning_rate == Setting.learning_rate else f"-l{self.learning_rate:g}"
        trained = f"w{self.weight_decay:g}-e{self.epochs}-t{self.temperature:g}{rate}"
        return f"h{self.form}-d{self.dimension}-{trained}"

    @property
    def form(self) -> str:
        """Name the dataset."""
        thinned = f"-k{self.kept:g}" if self.kept < 1 else ""
        return f"{self.history}-{'before' if self.ordered else 'all'}{thinned}"


BEFORE = Setting(history=20, epochs=8, ordered=True)
BASE = Setting()
CELLS = {  # in the order in which they were tried: each looked at those before
    "movielens": (
        BEFORE,
        replace(BASE, dimension=128, weight_decay=0.5),
        BASE,
        replace(BEFORE, epochs=4, dimension=128, weight_decay=0.02),
        replace(BASE, dimension=128, weight_decay=0.02),
    ),
    "debian": (
        BEFORE,
        replace(BASE, epochs=8),
        replace(BASE, dimension=128, weight_decay=0.5),
        BASE,
        replace(BASE, dimension=128),
        replace(BASE, temperature=0.05),
        replace(BASE, temperature=0.2),
        replace(BASE, epochs=2, dimension=128),
        replace(BASE, epochs=2, dimension=128, temperature=0.07),
        replace(BASE, dimension=128, weight_decay=0.02),
        replace(BASE, dimension=256),
        replace(BASE, dimension=128, weight_decay=0.02, kept=0.5),
        replace(BASE, dimension=128, weight_decay=0.02, learning_rate=0.05),
        replace(BASE, dimension=256, weight_decay=0.02),
        replace(BASE, dimension=128, weight_decay=0.02, temperature=0.08),
    ),
}
# What the test trains with: the best cell on dev of each set, named here before `test` was called.
CHOSEN = {"movielens": BEFORE, "debian": replace(BASE, dimension=128, weight_decay=0.02)}
PEERS = ("popular", "item_knn", "ease", "ials")
ARMS = {  # what is trained against, and whether with the settings from before
    "before_in_batch": ("in_batch", True),
    "before_preset": ("preset", True),
    "in_batch": ("in_batch", False),
    "mixed": ("mixed", False),
    "preset": ("preset", False),
}
COMPARED = {"in_batch": "in-batch", "preset": "the preset"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("dev", "test", "table"))
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--peers", help="Python with the package implicit; without it the peers are left for later")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    for name in options.sets:
        if options.what == "dev":
            for setting in CELLS[name]:
                _tried(name, setting, options.data, options.runs)
        if options.what == "test":
            if options.peers:
                _fitted(name, options.data, options.runs, options.peers, options.seeds)
            for seed in range(options.seeds):
                for arm in options.arms:
                    _tested(name, arm, options.data, options.runs, seed)
        _print(name)


def _movielens(data: Path, setting: Setting) -> Dataset:
    """Ratings of 4 and more, in the order of time; the newest 100 training queries of a user."""
    strict = Rejections(skip=False)
    events, _ = read_interactions(data / "ml-latest-small" / "ratings.csv", rejections=strict)
    items, _ = read_items(data / "ml-latest-small" / "movies.csv", rejections=strict)
    return interactions_dataset(events, items, min_rating=4, history=setting.history, queries_per_user=100)[0]


def _debian(data: Path, setting: Setting) -> Dataset:
    """What packages depend on, in no order."""
    strict = Rejections(skip=False)
    events, _ = read_interactions(data / "debian" / "depends.csv", order="none", rejections=strict)
    items, _ = read_items(data / "debian" / "packages.csv", rejections=strict)
    if not setting.ordered:
        return interactions_dataset(events, items, history=setting.history, splits=DRAWN)[0]
    drawn = with_order(events.with_row_index("row").with_columns(positive=True), DRAWN).sort("order")
    return interactions_dataset(drawn.select(events.columns), items, history=setting.history)[0]


SETS: dict[str, Callable[[Path, Setting], Dataset]] = {"movielens": _movielens, "debian": _debian}


def _dataset(name: str, setting: Setting, data: Path, runs: Path) -> Dataset:
    place = runs / name / f"dataset-{setting.form}"
    if not (place / "qrels.parquet").exists():
        dataset = SETS[name](data, setting)
        if setting.kept < 1:
            dataset = replace(dataset, queries=_thinned(dataset, setting.kept))
        dataset.write(place)
    return read_dataset(place)


def _thinned(dataset: Dataset, kept: float) -> pl.DataFrame:
    """Leave some items out of each training history, drawn once for each query, as an autoencoder's input dropout does.

    References:
        Liang et al. (2018), "Variational autoencoders for collaborative filtering", section 2.1.
    """
    rng, texts = np.random.default_rng(0), dataset.queries["text"].to_list()
    for query in dataset.queries_of("train"):
        words = np.array(texts[query].split(" "))
        is_kept = rng.random(len(words)) < kept
        is_kept[rng.integers(len(words))] = True
        texts[query] = " ".join(words[is_kept])
    return dataset.queries.with_columns(text=pl.Series(texts))


def _trained(kind: str, setting: Setting, dataset: Dataset, runs: Path, seed: int) -> str:
    """Train with in-batch negatives, with uniform ones beside them, or with those of the preset."""
    place = runs / str(setting)
    base = place / f"untrained-seed{seed}"
    if not base.exists():
        build_item_model(dataset, base, dimension=setting.dimension, seed=seed)
    recipe = Recipe.load(SETTINGS, changes={"dataset": "", "model": str(base)})
    settings = replace(
        recipe.train,
        loss=InfoNCE(temperature=setting.temperature),
        weight_decay=setting.weight_decay,
        epochs=setting.epochs,
        learning_rate=setting.learning_rate,
        seed=seed,
    )
    negatives = None if kind == "in_batch" else _negatives(kind, setting, dataset, runs)
    return str(train(base, dataset, negatives, settings=settings, out=place / f"{kind}-seed{seed}").path)


def _negatives(kind: str, setting: Setting, dataset: Dataset, runs: Path) -> pl.DataFrame:
    if kind == "mixed":  # which depend on the dataset alone
        out, select = runs / f"mined-{setting.form}", Selection(per_query=4)
        return mine(dataset, sources=[Random()], filters=[], select=select, depth=16, out=out).negatives
    model = _trained("in_batch", setting, dataset, runs, 0)
    recipe = Recipe.load(SETTINGS, changes={"dataset": "", "model": model})
    mined = mine(
        dataset,
        sources=recipe.sources,
        filters=recipe.filters,
        select=recipe.select,
        depth=recipe.mine.depth,
        out=runs / str(setting) / f"mined-{kind}",
    )
    return mined.negatives


def _measured(model: str, dataset: Dataset, split: str) -> Evaluation:
    return evaluate(dataset, Dense(model=model, precision="fp32"), split=split, exclude="seen")


def _tried(name: str, setting: Setting, data: Path, runs: Path) -> None:
    file = RESULTS / name / "dev" / f"{setting}.json"
    if file.exists():
        return
    dataset = _dataset(name, setting, data, runs)
    evaluation = _measured(_trained("mixed", setting, dataset, runs / name, 0), dataset, "dev")
    file.parent.mkdir(parents=True, exist_ok=True)
    _keep(evaluation, file.with_suffix(".parquet"))
    file.write_text(json.dumps(asdict(setting) | {MEASURE: evaluation.metrics[MEASURE]}) + "\n")


def _fitted(name: str, data: Path, runs: Path, python: str, n_seeds: int) -> None:
    dataset = _dataset(name, CHOSEN[name], data, runs)
    chosen = tuned_peers(dataset, runs / name / "peers", python, n_seeds, names=PEERS)
    (RESULTS / name / "test").mkdir(parents=True, exist_ok=True)
    (RESULTS / name / "peers.json").write_text(json.dumps(chosen) + "\n")
    for file in sorted((runs / name / "peers").glob("*.trec")):
        evaluation = evaluate(dataset, RunFile(file), exclude="seen", name=file.stem)
        _keep(evaluation, RESULTS / name / "test" / f"{file.stem}.parquet")


def _tested(name: str, arm: str, data: Path, runs: Path, seed: int) -> None:
    out = RESULTS / name / "test" / f"{arm}-seed{seed}.parquet"
    if out.exists():
        return
    kind, is_before = ARMS[arm]
    setting = BEFORE if is_before else CHOSEN[name]
    dataset = _dataset(name, setting, data, runs)
    model = _trained(kind, setting, dataset, runs / name, seed)
    on_dev = _measured(model, dataset, "dev").metrics[MEASURE]
    out.parent.mkdir(parents=True, exist_ok=True)
    _keep(_measured(model, dataset, "test"), out, on_dev)


def _keep(evaluation: Evaluation, file: Path, on_dev: float | None = None) -> None:
    table = evaluation.per_query.select("query_id", MEASURE, "HR@10").with_columns(
        pl.col(MEASURE, "HR@10").cast(pl.Float32)
    )
    table.with_columns(dev=pl.lit(on_dev, pl.Float64)).write_parquet(file, compression="zstd")


def _print(name: str) -> None:
    columns = [field.name for field in fields(Setting) if field.name != "ordered"]
    print(f"\n| {' | '.join(columns)} | {MEASURE} on dev | gain on the chosen |\n|{'---|' * (len(columns) + 2)}")
    chosen = _on_dev(name, CHOSEN[name])
    for setting in CELLS[name]:
        per_query = _on_dev(name, setting)
        if chosen is not None and per_query is not None:
            gain = _gain(chosen, per_query) if setting != CHOSEN[name] else ""
            values = asdict(setting) | {"history": "whole" if setting.history == WHOLE else setting.history}
            cells = [str(values[column]) for column in columns]
            print(f"| {' | '.join(cells)} | {per_query[MEASURE].mean():.4f} | {gain} |")
    rows = {}
    for arm in [*PEERS, *ARMS]:
        files = sorted((RESULTS / name / "test").glob(f"{arm}-seed*.parquet"))
        if files:
            rows[arm] = [pl.read_parquet(file) for file in files]
    gains = " | ".join(f"{label}'s gain on it" for label in COMPARED.values())
    print(f"\n| {name} | nDCG@10 on dev | on test | HR@10 | seeds | {gains} |\n|{'---|' * (5 + len(COMPARED))}")
    for arm, frames in rows.items():
        better = [rows.get(other) if other != arm else None for other in COMPARED]
        print(f"| {' | '.join(_cells(name, arm, frames, better))} |")


def _on_dev(name: str, setting: Setting) -> pl.DataFrame | None:
    file = RESULTS / name / "dev" / f"{setting}.parquet"
    return pl.read_parquet(file).drop("dev") if file.exists() else None


def _gain(one: pl.DataFrame, other: pl.DataFrame) -> str:
    gain = compare(one, other, MEASURE)
    return f"{gain.difference:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}], p = {gain.p_value:.4f}"


def _cells(name: str, arm: str, frames: list[pl.DataFrame], better: list[list[pl.DataFrame] | None]) -> list[str]:
    row = Row(arm, [frame.drop("dev") for frame in frames])
    figures: dict[str, Any] = row.as_dict()
    on_dev = [frame["dev"][0] for frame in frames]
    if on_dev[0] is None:
        on_dev = [json.loads((RESULTS / name / "peers.json").read_text())[arm]["dev"]]
    spread = figures[MEASURE]["sd"]
    compared = [Row("", [frame.drop("dev") for frame in other]).per_query if other else None for other in better]
    return [
        arm,
        f"{sum(on_dev) / len(on_dev):.4f}",
        f"{figures[MEASURE]['value']:.4f}" + (f" ± {spread:.4f}" if spread is not None else ""),
        f"{figures['HR@10']['value']:.4f}",
        str(len(frames)),
        *("" if other is None else _gain(row.per_query, other) for other in compared),
    ]


if __name__ == "__main__":
    main()
