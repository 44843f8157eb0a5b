"""What mining gives: the negatives, and what became of every candidate in numbers."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.findings import Finding
from hardneg.errors import MissingExtraError, RunError
from hardneg.negatives.export import export, widths
from hardneg.negatives.plan import Plan
from hardneg.notebook import Framed
from hardneg.pipeline.judged_labels import Used
from hardneg.runs.found import with_found

if TYPE_CHECKING:
    import datasets


@dataclass(frozen=True, repr=False)
class Mined(Framed):
    """Mined negatives.

    Args:
        negatives: One row a negative, by positions in the dataset.
        funnel: What became of the candidates, counted.
        found: Candidates that mining, or people, found to be answers.
        plan: What was mined, and how.
        verdicts: What became of the verdicts that were given.
        findings: What was noticed.
        dataset: What was mined, before anything found was added to its labels.
        folder: Where it was mined into.
    """

    negatives: pl.DataFrame
    funnel: dict[str, Any]
    found: pl.DataFrame
    plan: Plan
    verdicts: Used | None = None
    findings: tuple[Finding, ...] = ()
    dataset: Dataset | None = None
    folder: Path | None = None

    def frame(self) -> pl.DataFrame:
        """Lay the negatives out by ids.

        Returns:
            `query_id`, `doc_id`, and what mining knows of each: `source`, `rank`, `score`, `positive_score`, …
        """
        return self._dataset().with_ids(self.negatives)

    def to_dataset(self, *, form: str | None = None, n_negatives: int | None = None) -> "datasets.Dataset":
        """Give the texts as a `Dataset` of Hugging Face, which sentence-transformers trains on.

        What was found to be an answer is a positive, as `hardneg train` takes it.

        Args:
            form: A form of `hardneg.export`. None takes n-tuples where all queries have equally many negatives or
                `n_negatives` is given, else triplets: either trains by the same losses, and neither leaves a negative
                out.
            n_negatives: Negatives in each row of an n-tuple; queries with fewer are left out.

        Returns:
            One row a positive, `anchor`, `positive`, `negative_1`, `negative_2`, …, or one a negative: `anchor`,
            `positive`, `negative`. The other forms have the columns of `hardneg.export`.

        Raises:
            RunError: n-tuples were asked for of unequal numbers of negatives, or there would be no row.
            MissingExtraError: `datasets` is not installed.
        """
        try:
            from datasets import Dataset as Table
        except ImportError as error:
            raise MissingExtraError("datasets", extra="hub", purpose="a Dataset of Hugging Face") from error
        split, labelled = self.plan.split, with_found(self._dataset(), self.found, split=self.plan.split)
        if form is None:
            even = n_negatives is not None or widths(labelled, self.negatives, split=split).n_unique() == 1
            form = "n-tuple" if even else "triplet"
        texts = export(labelled, self.negatives, split=split, form=form, n_negatives=n_negatives)
        return Table.from_polars(texts.rename({"query": "anchor"} if "positive" in texts.columns else {}))

    def _dataset(self) -> Dataset:
        if self.dataset is None:
            raise RunError("these negatives do not know their dataset; mine with hardneg.mine")
        return self.dataset

    def __repr__(self) -> str:
        counts, sources = self.funnel, ", ".join(source.name for source in self.plan.sources)
        where = "" if self.folder is None else f", in {self.folder}"
        return f"Mined: {counts['selected']:,} negatives for {counts['queries']:,} queries from {sources}{where}"


def funnel(
    candidates: pl.LazyFrame, negatives: pl.LazyFrame, *, sources: list[str], n_queries: int, per_query: int
) -> dict[str, Any]:
    """Count what became of every candidate."""
    masks = {name: pl.col(f"rank.{name}").is_not_null() for name in sources}
    retrieved = candidates.filter(pl.any_horizontal(*masks.values()))
    chosen = dict(negatives.group_by("source").len().collect().iter_rows())
    key = "query" if "query" in negatives.collect_schema() else "query_id"
    lengths = negatives.group_by(key).len().collect()["len"]
    return {
        "queries": n_queries,
        **_fates(retrieved),
        "selected": int(lengths.sum()),
        "short_queries": n_queries - int((lengths >= per_query).sum()),
        "empty_queries": n_queries - len(lengths),
        "sources": {
            name: {
                **_fates(retrieved.filter(mask)),
                "queries_without": n_queries
                - int(retrieved.filter(mask).select(pl.col(key).n_unique()).collect().item()),
                "selected": chosen.get(name, 0),
            }
            for name, mask in masks.items()
        }
        | {name: {"selected": count} for name, count in sorted(chosen.items()) if name not in masks},
    }


def _fates(rows: pl.LazyFrame) -> dict[str, Any]:
    counts = dict(rows.group_by("dropped_by").len().collect().iter_rows())
    dropped = {name: count for name, count in sorted(counts.items(), key=str) if name is not None}
    return {"candidates": sum(counts.values()), "dropped": dropped, "eligible": counts.get(None, 0)}
