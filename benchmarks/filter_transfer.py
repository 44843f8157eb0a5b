"""Does a learned filter that was fitted on one dataset work on another?

Where each query has one positive, little can be planted, and one would like to bring a filter along. Each set keeps
one positive a query; a filter is fitted on each (budget 0.02) and judges the candidates of every other, in which the
only positive of half of the queries is hidden. Printed for each pair: the AUC with which hidden positives are told
from the other candidates, and the share of them that would end up among four negatives a query. The diagonal is the
filter fitted on the set itself, on labels that the planting left.

    python benchmarks/filter_transfer.py --data FOLDER [--sets nfcorpus obliqa …]

Figures are written to benchmarks/results/filter_transfer.json, and a table is printed as Markdown.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

from false_negatives import MODEL, SPLITS, single
from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.filters import Learned, apply_filters
from hardneg.filters.columns import is_positive
from hardneg.filters.learned.model import AnswerModel
from hardneg.negatives import Selection, select
from hardneg.negatives.plan import Plan
from hardneg.planting.evidence import features_of
from hardneg.planting.fitting import fit_learned
from hardneg.planting.planting import Planted, plant
from hardneg.sources import Dense, gather

RESULTS = Path(__file__).parent / "results"
SETS = ["nfcorpus", "obliqa", "scifact", "nl2bash", "dstc11_track5_val"]
BUDGET, MAX_QUERIES = 0.02, 800


@dataclass(frozen=True, eq=False)
class Case:
    """A set with one positive a query, half of them hidden, and what mining finds there."""

    planted: Planted
    plan: Plan
    candidates: pl.DataFrame

    @classmethod
    def of(cls, dataset: Dataset, split: str) -> "Case":
        """Hide and mine."""
        half = min(MAX_QUERIES, len(dataset.queries_of(split)) // 2)
        planted = plant(dataset, split, seed=0, least_known=0, max_queries=half)
        plan = Plan(split, (Dense(model=MODEL),), (), Selection(per_query=4), depth=100)
        found = gather(planted.dataset, plan.sources, planted.queries, plan.depth)
        return cls(planted, plan, apply_filters(found, planted.dataset, ()))

    def fit(self, dataset: Dataset) -> AnswerModel:
        """Fit on the labels of a dataset: this one's own after planting, or the whole set's for use elsewhere."""
        return fit_learned(Learned(budget=BUDGET, max_queries=1_200, in_doubt="learned"), self.plan, dataset)[0]

    def judged(self, model: AnswerModel) -> dict[str, float]:
        """Let a filter judge the candidates, and count what gets past it."""
        ours = replace(model, features=features_of(self.plan))
        table = ours.annotate(self.candidates, self.planted.dataset)
        rows = table.filter(pl.Series(~is_positive(table, self.planted.dataset)))
        hidden = self._hidden(rows)
        refused = pl.when(pl.col("p_planted") >= model.threshold).then(pl.lit("learned")).otherwise("dropped_by")
        chosen = select(table.with_columns(dropped_by=refused), self.planted.dataset, self.plan.select, seed=0)
        full = chosen.group_by("query").len()["len"] >= self.plan.select.per_query
        return {
            "auc": float(roc_auc_score(hidden, rows["p_planted"].to_numpy())),
            "auc_of_score": float(roc_auc_score(hidden, rows["score.dense"].to_numpy())),
            "leakage": float(self._hidden(chosen).sum() / len(self.planted.hidden)),
            "rank": float(chosen["rank"].mean()),
            "coverage": float(full.sum() / len(self.planted.queries)),
        }

    def _hidden(self, table: pl.DataFrame) -> np.ndarray:
        return self.planted.is_hidden(table["query"].to_numpy(), table["document"].to_numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    arguments = parser.parse_args()
    sets = {name: single(read_dataset(arguments.data / name), SPLITS[name]) for name in arguments.sets}
    cases = {name: Case.of(dataset, SPLITS[name]) for name, dataset in sets.items()}
    rows = []
    for name, case in cases.items():
        elsewhere = case.fit(sets[name])
        for other, judged in cases.items():
            model = case.fit(case.planted.dataset) if other == name else elsewhere
            rows.append({"fitted_on": name, "judges": other, **judged.judged(model)})
            print(rows[-1], flush=True)
    (RESULTS / "filter_transfer.json").write_text(json.dumps({"budget": BUDGET, "rows": rows}, indent=2) + "\n")
    print(markdown(rows, list(sets)))


def markdown(rows: list[dict], names: list[str]) -> str:
    found = {(row["fitted_on"], row["judges"]): row for row in rows}
    lines = [
        "| judged | score | " + " | ".join(f"fitted on {name}" for name in names) + " |",
        "|---" * (2 + len(names)) + "|",
    ]
    for judged in names:
        cells = [found[fitted, judged] for fitted in names]
        own = f"{found[judged, judged]['auc_of_score']:.2f}"
        lines.append(
            f"| {judged} | {own} | " + " | ".join(f"{c['auc']:.2f} / {c['leakage']:.3f}" for c in cells) + " |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
