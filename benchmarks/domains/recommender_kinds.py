"""Recommenders on two kinds of data, with an order and without: what dev chooses, and what the test says of it, once.

    python benchmarks/domains/debian_depends.py DATA/debian
    python benchmarks/domains/recommender_kinds.py dev movielens debian --data DATA --runs RUNS
    python benchmarks/domains/recommender_kinds.py test movielens debian --data DATA --runs RUNS --peers PYTHON
    python benchmarks/domains/recommender_kinds.py table

DATA holds `ml-latest-small` and what the first command writes; PYTHON is an interpreter with the package `implicit`.
`dev` trains one seed of each setting in CELLS with two uniform negatives a row and looks at dev. `test` trains three
seeds of the arms, `before` with the settings that the preset's recipe had, and fits item-kNN and iALS as dev chose
them, again with dev. Held-out answers are the same in all settings. A cell is a file under results/recommender; what is
there is not done again. Gains are paired over queries, each query's nDCG@10 averaged over the seeds.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

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
    epochs: int = 8
    temperature: float = 0.1
    ordered: bool = False  # without times: cut what the seed drew first and later, as if that were an order

    def __str__(self) -> str:
        """Name a cell."""
        form = "before" if self.ordered else "all"
        return f"h{self.history}-{form}-d{self.dimension}-w{self.weight_decay:g}-e{self.epochs}-t{self.temperature:g}"


BEFORE = Setting(history=20, ordered=True)
CELLS = (
    BEFORE,
    Setting(),
    Setting(history=50),
    Setting(history=20),
    Setting(epochs=4),
    Setting(epochs=16),
    Setting(weight_decay=0.5),
    Setting(dimension=128),
    Setting(dimension=128, weight_decay=0.5),
    Setting(dimension=128, weight_decay=0.5, epochs=4),
    Setting(temperature=0.05),
    Setting(temperature=0.2),
)
# What the test trains with: the best cell on dev of each set, to be named here before `test` is called.
CHOSEN = {"movielens": Setting(history=20), "debian": Setting()}
ARMS = {  # what is trained against, and whether with the settings from before
    "before_in_batch": ("in_batch", True),
    "before_preset": ("preset", True),
    "in_batch": ("in_batch", False),
    "mixed": ("mixed", False),
    "preset": ("preset", False),
}


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
            for setting in CELLS:
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
    place = runs / name / f"dataset-{setting.history}-{'before' if setting.ordered else 'all'}"
    if not (place / "qrels.parquet").exists():
        SETS[name](data, setting).write(place)
    return read_dataset(place)


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
        seed=seed,
    )
    negatives = None if kind == "in_batch" else _negatives(kind, setting, dataset, runs)
    return str(train(base, dataset, negatives, settings=settings, out=place / f"{kind}-seed{seed}").path)


def _negatives(kind: str, setting: Setting, dataset: Dataset, runs: Path) -> pl.DataFrame:
    out, select = runs / str(setting) / f"mined-{kind}", Selection(per_query=4)
    if kind == "mixed":
        return mine(dataset, sources=[Random()], filters=[], select=select, depth=16, out=out).negatives
    model = _trained("in_batch", setting, dataset, runs, 0)
    recipe = Recipe.load(SETTINGS, changes={"dataset": "", "model": model})
    mined = mine(
        dataset,
        sources=recipe.sources,
        filters=recipe.filters,
        select=recipe.select,
        depth=recipe.mine.depth,
        out=out,
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
    file.write_text(json.dumps(asdict(setting) | {MEASURE: evaluation.metrics[MEASURE]}) + "\n")


def _fitted(name: str, data: Path, runs: Path, python: str, n_seeds: int) -> None:
    dataset = _dataset(name, CHOSEN[name], data, runs)
    chosen = tuned_peers(dataset, runs / name / "peers", python, n_seeds, names=("item_knn", "ials"))
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
    cells = sorted((RESULTS / name / "dev").glob("*.json"))
    for each in [json.loads(file.read_text()) for file in cells]:
        print(f"| {name} | {' | '.join(str(value) for value in each.values())} |")
    rows = {}
    for arm in ["item_knn", "ials", *ARMS]:
        files = sorted((RESULTS / name / "test").glob(f"{arm}-seed*.parquet"))
        if files:
            rows[arm] = [pl.read_parquet(file) for file in files]
    print(
        f"\n| {name} | nDCG@10 on dev | on test | HR@10 | seeds | the preset's gain on it |\n|---|---|---|---|---|---|"
    )
    for arm, frames in rows.items():
        print(f"| {' | '.join(_cells(name, arm, frames, rows.get('preset')))} |")


def _cells(name: str, arm: str, frames: list[pl.DataFrame], preset: list[pl.DataFrame] | None) -> list[str]:
    row = Row(arm, [frame.drop("dev") for frame in frames])
    figures: dict[str, Any] = row.as_dict()
    on_dev = [frame["dev"][0] for frame in frames]
    if on_dev[0] is None:
        on_dev = [json.loads((RESULTS / name / "peers.json").read_text())[arm]["dev"]]
    spread = figures[MEASURE]["sd"]
    gain = ""
    if preset is not None and arm != "preset":
        one = compare(row.per_query, Row("preset", [frame.drop("dev") for frame in preset]).per_query, MEASURE)
        gain = f"{one.difference:+.4f} [{one.low:+.4f}, {one.high:+.4f}], p = {one.p_value:.4f}"
    return [
        arm,
        f"{sum(on_dev) / len(on_dev):.4f}",
        f"{figures[MEASURE]['value']:.4f}" + (f" ± {spread:.4f}" if spread is not None else ""),
        f"{figures['HR@10']['value']:.4f}",
        str(len(frames)),
        gain,
    ]


if __name__ == "__main__":
    main()
