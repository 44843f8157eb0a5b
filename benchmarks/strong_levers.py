"""What clustered batches and clean negatives in number gain, each with a learning rate of its own.

    python benchmarks/strong_levers.py --data FOLDER [--sets weak nl2bash …] [--arms …] [--seeds 1 2 3] [--table]
        [--against in_batch mined_filtered refresh]

The second table of docs/levers.md. all-MiniLM-L6-v2 in bf16, 1,000 training queries (SciFact has 809) with one positive
each, one epoch, batch 32, 64 tokens in training and measuring; every arm does the same steps on the same pairs. The set
`weak` is a static embedding of random weights (256 dimensions, the tokenizer of MiniLM) on functions of Python's
standard library and of installed packages, cut after 320 characters, all pairs, two epochs, batch 128:

    hardneg data python stdlib torch transformers sympy scipy numpy pandas sklearn datasets networkx -o FOLDER/weak

    hardneg data python stdlib -o FOLDER/stdlib

The rate is chosen among three by nDCG@10 of the development queries with the first seed, for each arm (`--rates` names
others); the other seeds train with it, and only the chosen are measured on the test queries. SciFact, ObliQA and
banking77 have no development queries: a fifth of the training queries, which is not trained on (for banking77 with
all documents of their intent as answers, since its labels name three of some 130).

Each piece of work is a file under results/strong_levers; one that is there is not done again, and an interrupted run
goes on.
"""

import argparse
import itertools
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from filters_training import MODEL, SEED, TRAINED
from hardneg.data.dataset import Dataset
from hardneg.data.query_form import in_form
from hardneg.data.reading import read_dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.filters import Filter, Learned, NearDuplicate, PositiveMargin, PositivePercentile
from hardneg.negatives import Selection
from hardneg.pipeline.mined import Mined
from hardneg.pipeline.mining import mine
from hardneg.randomness import bits
from hardneg.sources import BM25, Dense, Random, Source
from hardneg.training.folder import TrainingFolder
from hardneg.training.loop import train
from hardneg.training.refresh.settings import Refresh
from hardneg.training.sampling.clusters import Greedy, Metis
from hardneg.training.settings import TrainSettings
from poison import all_answers
from tables import against, over_seeds

RESULTS = Path(__file__).parent / "results" / "strong_levers"
MEASURE, TOKENS, DEV = "nDCG@10", 64, "chosen_on"


@dataclass(frozen=True)
class Bed:
    """A dataset and how much of it is trained on."""

    split: str
    dev: str | None = "dev"
    n_queries: int | None = 1_000
    model: str = MODEL
    rates: tuple[float, ...] = (1.5e-5, 3e-5, 6e-5)
    characters: int | None = None  # that a document is cut after
    folder: str | None = None  # where it has another name than the set
    form: str = ""  # in which the turns of a conversation are written
    truth: str | None = None  # a column that says the same of a query and all its answers, where labels name few
    settings: dict[str, Any] = field(default_factory=dict)


BEDS = {
    "weak": Bed(
        "train",
        n_queries=None,
        model="weak",
        rates=(0.01, 0.03, 0.1),
        characters=320,
        settings={"batch_size": 128, "epochs": 2, "precision": "fp32"},
    ),
    "nl2bash": Bed("train"),
    "scifact": Bed("train", dev=None),
    "nfcorpus": Bed("train"),
    "dstc11": Bed("train", folder="dstc11_track5_val", form="last_turns(k=3)"),
    "obliqa": Bed("dev", dev=None),
    "staqc": Bed("train", folder="staqc_python_annotated"),
    "banking77": Bed("train", dev=None, truth="intent"),
    "stdlib": Bed("train"),
}


@dataclass(frozen=True)
class Arm:
    """A lever: what is mined, how many of them a row meets, and how training differs."""

    mining: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    refreshes: int = 0


def _mined(n: int, **settings: Any) -> Arm:
    return Arm(f"filtered{n}", {"negatives_per_row": n} | settings)


ARMS = {
    "in_batch": Arm(),
    "mined_filtered": Arm("filtered4", {"negatives_per_row": 1}),
    "refresh": Arm("filtered4", {"negatives_per_row": 1}, refreshes=2),
    "filtered_2": _mined(2),
    "filtered_4": _mined(4),
    "filtered_8": _mined(8),
    "filtered_16": _mined(16),
    "filtered_8_own": _mined(8, shared_negatives=False),
    "filtered_8_alone": _mined(8, in_batch=False),
    "random_8": Arm("random8", {"negatives_per_row": 8}),
    "filtered_4_random_4": Arm("mixed", {"negatives_per_row": 8}),
    "clusters": Arm(None, {"clusters": Greedy(ratio=0.95)}),
    "clusters_linked_near": Arm(None, {"clusters": Greedy()}),
    "clusters_of_8": Arm(None, {"clusters": Greedy(ratio=0.95, size=8)}),
    "clusters_skip_30": Arm(None, {"clusters": Greedy(ratio=0.95, skip=30, neighbours=100)}),
    "clusters_metis": Arm(None, {"clusters": Metis(ratio=0.95)}),
    "clusters_redrawn": Arm(None, {"clusters": Greedy(ratio=0.95)}, refreshes=2),
    "clusters_mined": Arm("filtered4", {"negatives_per_row": 1, "clusters": Greedy(ratio=0.95)}),
    "clusters_filtered_8": _mined(8, clusters=Greedy(ratio=0.95)),
    "refresh_filtered_8": Arm("filtered8", {"negatives_per_row": 8}, refreshes=2),
    "clusters_refresh_filtered_8": Arm(
        "filtered8", {"negatives_per_row": 8, "clusters": Greedy(ratio=0.95)}, refreshes=2
    ),
    "near_mined": Arm("filtered4", {"negatives_per_row": 1, "clusters": Greedy()}),
    "near_refresh": Arm("filtered4", {"negatives_per_row": 1, "clusters": Greedy()}, refreshes=2),
    "near_filtered_8": _mined(8, clusters=Greedy()),
    "near_refresh_filtered_8": Arm("filtered8", {"negatives_per_row": 8, "clusters": Greedy()}, refreshes=2),
    "near_redrawn": Arm(None, {"clusters": Greedy()}, refreshes=2),
    "near_batch_512": Arm(None, {"batch_size": 512, "cache_tokens": 8_192, "clusters": Greedy()}),
    "near_of_32_batch_512": Arm(None, {"batch_size": 512, "cache_tokens": 8_192, "clusters": Greedy(size=32)}),
    "near_batch_128": Arm(None, {"batch_size": 128, "cache_tokens": 8_192, "clusters": Greedy()}),
    "refresh_filtered_16": Arm("filtered16", {"negatives_per_row": 16}, refreshes=2),
    "learned": Arm("learned4", {"negatives_per_row": 1}),
    "learned_8": Arm("learned8", {"negatives_per_row": 8}),
    "learned_refresh": Arm("learned4", {"negatives_per_row": 1}, refreshes=2),
    "learned_refresh_8": Arm("learned8", {"negatives_per_row": 8}, refreshes=2),
    "near_learned_8": Arm("learned8", {"negatives_per_row": 8, "clusters": Greedy()}),
    "unfiltered_8": Arm("unfiltered8", {"negatives_per_row": 8}),
    "percentile_8": Arm("percentile8", {"negatives_per_row": 8}),
    "turns": Arm("turns4", {"negatives_per_row": 1}),
    "turns_4": Arm("turns4", {"negatives_per_row": 4}),
    "kept_8": Arm("kept8", {"negatives_per_row": 8}),
    "dense_first_8": Arm("dense_first8", {"negatives_per_row": 8}),
    "near_dense_first_8": Arm("dense_first8", {"negatives_per_row": 8, "clusters": Greedy()}),
    "near_filtered_4": _mined(4, clusters=Greedy()),
    "batch_512": Arm(None, {"batch_size": 512, "cache_tokens": 8_192}),
    "clusters_batch_512": Arm(None, {"batch_size": 512, "cache_tokens": 8_192, "clusters": Greedy(ratio=0.95)}),
    "clusters_of_32_batch_512": Arm(
        None, {"batch_size": 512, "cache_tokens": 8_192, "clusters": Greedy(ratio=0.95, size=32)}
    ),
    "batch_128": Arm(None, {"batch_size": 128, "cache_tokens": 8_192}),
    "clusters_batch_128": Arm(None, {"batch_size": 128, "cache_tokens": 8_192, "clusters": Greedy(ratio=0.95)}),
    "clusters_of_32_batch_128": Arm(
        None, {"batch_size": 128, "cache_tokens": 8_192, "clusters": Greedy(ratio=0.95, size=32)}
    ),
}


def minings(model: str) -> dict[str, tuple[tuple[Source, ...], tuple[Filter, ...], Selection]]:
    """Lay out what is mined: sources, filters, and what is chosen."""
    dense = Dense(model=model, max_tokens=TOKENS)
    clean = (NearDuplicate(), PositiveMargin(ratio=0.95, score="dense"))
    filtered = {
        f"filtered{n}": ((dense,), clean, Selection(per_query=n, shortage="fill_random")) for n in (2, 4, 8, 16)
    }
    learned = (NearDuplicate(), Learned(budget=0.02, max_queries=2_000))
    filtered |= {f"learned{n}": ((dense,), learned, Selection(per_query=n, shortage="fill_random")) for n in (4, 8)}
    random = Selection(per_query=8, shortage="fill_random")
    mixed = Selection(per_query=8, quotas={"dense": 4, "random": 4}, shortage="fill_random")
    return filtered | {
        "unfiltered8": ((dense,), (NearDuplicate(),), random),
        "percentile8": ((dense,), (NearDuplicate(), PositivePercentile(percentile=10, score="dense")), random),
        "kept8": ((dense,), clean, Selection(per_query=8)),
        "dense_first8": ((BM25(), dense), clean, Selection(per_query=8, quotas={"dense": 8})),
        "turns4": ((BM25(), dense), clean, Selection(per_query=4, shortage="fill_random")),
        "random8": ((Random(),), (NearDuplicate(),), random),
        "mixed": ((dense, Random()), clean, mixed),
    }


def cut_after(dataset: Dataset, characters: int | None) -> Dataset:
    """Cut documents after a number of characters."""
    if characters is None:
        return dataset
    texts = dataset.documents.with_columns(pl.col("text").str.slice(0, characters))
    return replace(dataset, documents=texts, corpus=None)


def prepared(dataset: Dataset, bed: Bed) -> Dataset:
    """Give a seeded choice of queries, with one positive each, a split to train on, and others one to choose on."""
    dataset = cut_after(dataset, bed.characters)
    query, document = dataset.pairs_of(bed.split)
    pairs = pl.DataFrame({"query": query, "document": document, "drawn": bits(SEED, 1, query, document)})
    pairs = pairs.sort("drawn").unique("query", keep="first", maintain_order=True)
    pairs = pairs.with_columns(turn=pl.Series(bits(SEED, 2, pairs["query"].to_numpy()))).sort("turn")
    labels = dataset.qrels
    if bed.dev is None:
        n_dev = min(300, pairs.height // 5)
        kept_aside = pl.col("query").is_in(pairs["query"].tail(n_dev).to_list()) & (pl.col("split") == bed.split)
        labels = labels.with_columns(split=pl.when(kept_aside).then(pl.lit(DEV)).otherwise("split"))
    if bed.truth is not None:
        # by the few answers that labels name, a better model looks no better
        queries = labels.filter(split=DEV)["query"].unique().to_numpy()
        labels = pl.concat([labels.filter(pl.col("split") != DEV), all_answers(dataset, bed.truth, queries, DEV)])
        pairs = pairs.head(pairs.height - n_dev)
    chosen = pairs.head(bed.n_queries or pairs.height).select("query", "document", split=pl.lit(bed.split), chosen=True)
    marked = labels.join(chosen, on=["query", "document", "split"], how="left", maintain_order="left")
    renamed = pl.when("chosen").then(pl.lit(TRAINED)).otherwise("split")
    return replace(dataset, qrels=marked.with_columns(split=renamed).select(labels.columns))


def weak_model(folder: Path) -> str:
    """Write a static embedding of random weights, the same each time."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    from hardneg.models.given import resolve_model

    if not folder.exists():
        tokenizer = SentenceTransformer(str(resolve_model(MODEL))).tokenizer.backend_tokenizer
        weights = torch.randn(tokenizer.get_vocab_size(), 256, generator=torch.Generator().manual_seed(SEED))
        static = StaticEmbedding(tokenizer, embedding_weights=weights.numpy())
        SentenceTransformer(modules=[static], similarity_fn_name="cosine").save(str(folder))
    return str(folder)


@dataclass(frozen=True)
class Study:
    """One set, made ready."""

    name: str
    bed: Bed
    dataset: Dataset
    model: str
    runs: Path

    def mined(self, mining: str) -> Mined:
        """Mine for all queries that are trained on; what is there is not done again."""
        sources, filters, select = minings(self.model)[mining]
        place = self.runs / f"{self.name}-{mining}-mined"
        return mine(self.dataset, split=TRAINED, sources=sources, filters=filters, select=select, out=place)

    def train(self, arm: str, rate: float, seed: int) -> Path:
        """Train, and keep what it took; the folder of the model."""
        lever, out = ARMS[arm], self.runs / f"{self.name}-{arm}-{rate:g}-seed{seed}"
        cost = RESULTS / f"{out.name}.json"
        if cost.exists() and (out / "model").exists():
            return out / "model"
        found = None if lever.mining is None else self.mined(lever.mining)
        settings = TrainSettings(
            **({"max_tokens": TOKENS} | self.bed.settings | lever.settings),
            learning_rate=rate,
            seed=seed,
            checkpoint_every=200,
        )
        if lever.refreshes:
            n_pairs = self.dataset.qrels.filter(pl.col("split") == TRAINED).height
            every = -(-(-(-n_pairs // settings.batch_size) * settings.epochs) // (lever.refreshes + 1))
            settings = replace(settings, refresh=Refresh(every=every))
        plan = found.plan if found and settings.refresh else None
        started = time.perf_counter()
        negatives = found and found.negatives
        trained = train(self.model, self.dataset, negatives, settings=settings, plan=plan, split=TRAINED, out=out)
        seconds = time.perf_counter() - started
        records = TrainingFolder(out).records()
        pool = sum(record["n_pool"] or 0 for record in records) / len(records)
        RESULTS.mkdir(parents=True, exist_ok=True)
        cost.write_text(json.dumps({"seconds": round(seconds, 1), "steps": trained.n_steps, "pool": round(pool, 1)}))
        return out / "model"

    def measured(self, arm: str, rate: float, seed: int, split: str) -> pl.DataFrame:
        """Train and measure on a split, unless it was done."""
        place = RESULTS / f"{self.name}-{arm}-{rate:g}-seed{seed}-{split}.parquet"
        if not place.exists():
            source = Dense(model=str(self.train(arm, rate, seed)), max_tokens=TOKENS)
            shown = self.bed.dev or DEV if split == "dev" else split
            per_query = evaluate(self.dataset, source, split=shown, name=place.stem).per_query
            per_query.write_parquet(place)
            print(f"{place.stem}: {per_query[MEASURE].mean():.4f}", flush=True)
        return pl.read_parquet(place)

    def forget(self, arm: str, rate: float, seed: int) -> None:
        """Remove a model that will not be asked for again."""
        shutil.rmtree(self.runs / f"{self.name}-{arm}-{rate:g}-seed{seed}", ignore_errors=True)

    def chosen_rate(self, arm: str, rates: tuple[float, ...], seed: int) -> float:
        """Choose the rate by the development queries."""
        return max(rates, key=lambda rate: float(self.measured(arm, rate, seed, "dev")[MEASURE].mean()))  # type: ignore[arg-type]

    def climb(self, arm: str, rates: tuple[float, ...], seeds: list[int]) -> None:
        """Choose a rate, train every seed with it, and measure those on the test queries."""
        rate = self.chosen_rate(arm, rates, seeds[0]) if len(rates) > 1 else rates[0]
        for seed in seeds:
            self.measured(arm, rate, seed, "dev")
            self.measured(arm, rate, seed, "test")
            self.forget(arm, rate, seed)
        for other in rates:
            self.forget(arm, other, seeds[0])


def cells(name: str, *, tuned: bool) -> Iterator[tuple[str, float, list[pl.DataFrame], float]]:
    """Give of each arm its rate, its queries' figures by seed, and the mean of its seconds.

    The rate is the lowest that was measured on test, which all arms have, or the best on dev of those tried.
    """
    for arm in ARMS:
        tests = sorted(RESULTS.glob(f"{name}-{arm}-*-seed*-test.parquet"))
        tests = [path for path in tests if path.stem.removeprefix(f"{name}-{arm}-").count("-seed") == 1]
        by_rate: dict[str, list[Path]] = {}
        for path in tests:
            by_rate.setdefault(path.stem.removeprefix(f"{name}-{arm}-").rpartition("-seed")[0], []).append(path)
        on_dev = dev_by_rate(name, arm)
        if not by_rate or (tuned and len(on_dev) < 2):
            continue
        rate = max(on_dev, key=on_dev.__getitem__) if tuned else min(by_rate, key=float)
        costs = [path.with_name(f"{path.stem.removesuffix('-test')}.json").read_text() for path in by_rate[rate]]
        seconds = sum(json.loads(cost)["seconds"] for cost in costs) / len(costs)
        yield arm, float(rate), [pl.read_parquet(path) for path in by_rate[rate]], seconds


def dev_by_rate(name: str, arm: str) -> dict[str, float]:
    """Give what an arm has on the development queries with each rate that was tried, first seed."""
    paths = sorted(RESULTS.glob(f"{name}-{arm}-*-seed1-dev.parquet"))
    rates = [path.stem.removeprefix(f"{name}-{arm}-").removesuffix("-seed1-dev") for path in paths]
    return {rate: float(pl.read_parquet(path)[MEASURE].mean()) for rate, path in zip(rates, paths, strict=True)}  # type: ignore[arg-type]


def table(name: str, bases: list[str], *, tuned: bool) -> None:
    """Print the arms of one set, queries paired over their mean of the seeds."""
    rows = list(cells(name, tuned=tuned))
    means = {arm: over_seeds(frames) for arm, _, frames, _ in rows}
    compared = " | ".join(f"against {base}" for base in bases)
    print(f"\n{name}, {MEASURE}\n| arm | rate | mean | each seed | {compared} | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for arm, rate, frames, seconds in rows:
        seeds = " ".join(f"{frame[MEASURE].mean():.4f}" for frame in frames)
        gains = [against(means[b], means[arm], MEASURE) if b in means and b != arm else "" for b in bases]
        mean = means[arm][MEASURE].mean()
        print(f"| {arm} | {rate:g} | {mean:.4f} | {seeds} | {' | '.join(gains)} | {seconds:.0f} |")
    for arm in means if tuned else ():
        print(f"{arm} on dev: " + ", ".join(f"{rate} {value:.4f}" for rate, value in dev_by_rate(name, arm).items()))


def main() -> None:
    """Fill in what is not there, then print what is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["nl2bash"], choices=list(BEDS))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--rates", nargs="+", type=float, help="one alone is taken without choosing")
    parser.add_argument("--runs", type=Path, default=Path("runs/strong_levers"))
    parser.add_argument("--against", nargs="+", default=["in_batch", "mined_filtered", "refresh"], choices=list(ARMS))
    parser.add_argument("--table", action="store_true", help="train nothing")
    parser.add_argument(
        "--tuned", action="store_true", help="print each arm by its best rate, of arms that have several"
    )
    arguments = parser.parse_args()
    if not arguments.table:
        for name, arm in itertools.product(arguments.sets, arguments.arms):
            bed = BEDS[name]
            read = read_dataset(arguments.data / (bed.folder or name))
            dataset = prepared(in_form(read, bed.form) if bed.form else read, bed)
            model = weak_model(arguments.runs / "weak-model") if bed.model == "weak" else bed.model
            study = Study(name, bed, dataset, model, arguments.runs)
            study.climb(arm, tuple(arguments.rates or bed.rates), arguments.seeds)
    for name in arguments.sets:
        table(name, arguments.against, tuned=arguments.tuned)


if __name__ == "__main__":
    main()
