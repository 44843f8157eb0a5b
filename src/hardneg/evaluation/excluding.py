"""Rankings without what cannot be meant: the query itself, or what a split labels, as what a user has seen."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.data.unfit import repeats_query
from hardneg.errors import DatasetError
from hardneg.runs import layout
from hardneg.runs.state import read_state
from hardneg.sources import Source

IDENTICAL, NOTHING = "identical", "none"


@dataclass(frozen=True, eq=False)
class Excluded:
    """What is left out of the rankings of a split."""

    rule: str  # IDENTICAL, NOTHING, or the name of a split
    by_default: bool  # nobody asked for it
    pairs: PairSet | None
    n_queries: int  # of the measured split, whose ranking lacks something
    n_measured: int

    def as_dict(self) -> dict[str, str | int | bool]:
        """Give the rule and the counts as plain values, for JSON."""
        return {"rule": self.rule, "by_default": self.by_default, "queries": self.n_queries, "of": self.n_measured}

    def __str__(self) -> str:
        of = f"{self.n_queries:,} of {self.n_measured:,} queries"
        if self.rule == IDENTICAL:
            way_out = "; --exclude none keeps it" if self.by_default else ""
            return f"The document with the query's own id is left out of the rankings of {of}{way_out}."
        if self.rule == NOTHING:
            return f"Nothing is left out; {of} have a document of their own id and text." if self.n_queries else ""
        return f"What {self.rule!r} labels is left out of the rankings of {of}."


def told_in(folder: Path) -> str:
    """Say in a line what the evaluations of a run left out; nothing if that is nothing."""
    for file in sorted(folder.rglob(layout.METRICS)):
        excluded = read_state(file, keys=()).get("excluded")
        if excluded:
            return str(Excluded(excluded["rule"], excluded["by_default"], None, excluded["queries"], excluded["of"]))
    return ""


def excluded_from(dataset: Dataset, exclude: str | None, *, split: str) -> Excluded:
    """Find what is to be left out of rankings."""
    queries = dataset.queries_of(split)
    if exclude not in (None, IDENTICAL, NOTHING):
        pairs = labelled_in(dataset, str(exclude), but=split)
        return Excluded(str(exclude), False, pairs, len(np.unique(pairs.among(queries)[0])), len(queries))
    query, document = _of_one_id(dataset, queries)
    same = repeats_query(dataset, query, document)
    if exclude == NOTHING:
        return Excluded(NOTHING, False, None, int(same.sum()), len(queries))
    if exclude is None and 2 * int(same.sum()) <= len(same):
        return Excluded(NOTHING, True, None, 0, len(queries))
    other = ~dataset.positives.contains(query, document)
    pairs = PairSet.build(query[other], document[other], width=dataset.n_documents)
    return Excluded(IDENTICAL, exclude is None, pairs, len(pairs), len(queries))


def _of_one_id(
    dataset: Dataset, queries: Int32[np.ndarray, " queries"]
) -> tuple[Int32[np.ndarray, " pairs"], Int32[np.ndarray, " pairs"]]:
    """Pair queries with the document that has their id."""
    documents = dataset.documents.select("id").with_row_index("document")
    asked = pl.DataFrame({"id": dataset.queries["id"].gather(queries), "query": queries})
    pairs = asked.join(documents, on="id", maintain_order="left").cast({"document": pl.Int32})
    return pairs["query"].to_numpy(), pairs["document"].to_numpy()


def labelled_in(dataset: Dataset, split: str, *, but: str) -> PairSet:
    """Collect every (query, document) that a split labels, relevant or not."""
    if split not in dataset.splits:
        raise DatasetError(f"{dataset.name} has no split {split!r} to exclude; it has: {', '.join(dataset.splits)}")
    rows = dataset.qrels.filter(pl.col("split") == split)
    labelled = PairSet.build(rows["query"].to_numpy(), rows["document"].to_numpy(), width=dataset.n_documents)
    query, document = dataset.pairs_of(but)
    lost = np.flatnonzero(labelled.contains(query, document))
    if len(lost):
        named = f"{dataset.queries['id'][int(query[lost[0]])]} / {dataset.documents['id'][int(document[lost[0]])]}"
        raise DatasetError(
            f"split {split!r} of {dataset.name} labels {len(lost):,} answers of {but!r}, the first {named}; they could "
            "never be found"
        )
    return labelled


def retrieve_without(
    excluded: PairSet | None, retriever: Source, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int
) -> pl.DataFrame:
    """Retrieve so deep that `depth` documents are left when some are taken out."""
    if excluded is None or not len(excluded):
        return retriever.retrieve(dataset, block, depth)
    most = int(np.bincount(np.searchsorted(np.sort(block), excluded.among(block)[0]), minlength=1).max())
    rows = retriever.retrieve(dataset, block, min(depth + most, dataset.n_documents))
    left = rows.filter(~excluded.contains(rows["query"].to_numpy(), rows["document"].to_numpy()))
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("query")
    return left.with_columns(rank=rank).filter(pl.col("rank") <= depth)
