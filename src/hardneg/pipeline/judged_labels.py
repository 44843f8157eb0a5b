"""Verdicts as labels: what people judged decides what is mined."""

from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from hardneg.audits.verdicts import read_judged
from hardneg.data.dataset import Dataset
from hardneg.data.text import digest
from hardneg.recipe import MineSettings
from hardneg.runs.found import KNOWN

FOUND_BY = "verdict"


@dataclass(frozen=True)
class Used:
    """What became of a set of verdicts."""

    answers: int
    not_answers: int
    open: int
    known: int
    elsewhere: int

    def as_dict(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"Verdicts: {self.answers:,} answers became positives, {self.not_answers:,} others judged negatives; "
            f"{self.open:,} are open, {self.known:,} were labelled already, {self.elsewhere:,} are of other queries."
        )


def labelled_for(settings: MineSettings, dataset: Dataset) -> Dataset:
    """Take the verdicts that a recipe names for labels of the split that is mined for."""
    verdicts = named_verdicts(settings, dataset)
    if verdicts is None:
        return dataset
    used, _ = use_verdicts(dataset, verdicts, split=settings.split)
    return with_verdicts(dataset, used, split=settings.split)


def named_verdicts(settings: MineSettings, dataset: Dataset) -> pl.DataFrame | None:
    """Read the verdicts that a recipe names; None if it names none."""
    return None if settings.verdicts is None else read_judged(settings.verdicts, dataset)


def use_verdicts(dataset: Dataset, verdicts: pl.DataFrame, *, split: str) -> tuple[pl.DataFrame, Used]:
    """Choose the verdicts that say something new about the queries of a split."""
    query, document = verdicts["query"].to_numpy(), verdicts["document"].to_numpy()
    inside = np.isin(query, dataset.queries_of(split))
    is_labelled = dataset.is_answer(query, document) & inside
    is_open = verdicts["answer"].is_null().to_numpy() & inside & ~is_labelled
    used = (
        verdicts.filter(pl.Series(inside & ~is_labelled & ~is_open))
        .select("query", "document", "answer")
        .sort("query", "document")
    )
    answers = int(used["answer"].sum())
    counts = (answers, used.height - answers, int(is_open.sum()), int(is_labelled.sum()), int((~inside).sum()))
    return used, Used(*counts)


def with_verdicts(dataset: Dataset, used: pl.DataFrame, *, split: str) -> Dataset:
    """Take verdicts for labels of a split: answers for positives, the others for judged not relevant."""
    if used.is_empty():
        return dataset
    new = used.select("query", "document", relevance=pl.col("answer").cast(pl.Int32), split=pl.lit(split))
    return dataset.with_labels(pl.concat([dataset.qrels, new], how="vertical_relaxed"))


def judged_answers(used: pl.DataFrame) -> pl.DataFrame:
    """List the verdicts that are answers as found answers are listed, for training to take for positives."""
    columns = {name: pl.lit(FOUND_BY if name == "found_by" else None, dtype=dtype) for name, dtype in KNOWN.items()}
    return used.filter("answer").select("query", "document", **columns)


def verdicts_digest(used: pl.DataFrame, dataset: Dataset) -> str:
    """Hash verdicts by ids, whatever their order."""
    named = dataset.with_ids(used.select("query", "document", pl.col("answer").cast(pl.String)))
    ids = named.sort("query_id", "doc_id")
    return digest(pl.concat([ids[name] for name in ("query_id", "doc_id", "answer")]))
