"""Findings about labels: what splits share, what contradicts, what is missing."""

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import SET_ASIDE, Dataset
from hardneg.data.findings import N_EXAMPLES, Finding

SPARSE_SHARE = 0.10


def queries_shared_between_splits(dataset: Dataset) -> Finding | None:
    """HN003: queries that are in several splits, by id or by normalised text."""
    groups = _shared(dataset, "query", dataset.query_text_group)
    if groups.is_empty():
        return None
    return Finding(
        "HN003",
        "warning",
        "queries shared between splits",
        f"{groups.height:,} queries, by id or by equal text, have positives in more than one split",
        "keep each query in one split; a score on queries that were trained on proves nothing",
        groups.height,
        _named(dataset.queries["id"], groups["query"], groups["splits"]),
    )


def positives_shared_between_splits(dataset: Dataset) -> Finding | None:
    """HN016: documents, by normalised text, that are positives in several splits."""
    groups = _shared(dataset, "document", dataset.text_group)
    if groups.is_empty():
        return None
    return Finding(
        "HN016",
        "info",
        "positive documents shared between splits",
        f"{groups.height:,} documents are an answer in more than one split",
        "usual for a fixed corpus; to measure how a model does on unseen documents, split by document",
        groups.height,
        _named(dataset.documents["id"], groups["document"], groups["splits"]),
    )


def contradictory_labels(dataset: Dataset) -> Finding | None:
    """HN017: pairs judged not relevant whose document, by id or by text, answers the query."""
    rows = dataset.qrels.filter(pl.col("relevance") <= 0).select("query", "document").unique(maintain_order=True)
    is_answer = dataset.is_answer(rows["query"].to_numpy(), rows["document"].to_numpy())
    contrary = rows.filter(pl.Series(is_answer))
    if contrary.is_empty():
        return None
    return Finding(
        "HN017",
        "warning",
        "contradictory labels",
        f"{contrary.height:,} pairs are judged not relevant although the document, or its text, is an answer",
        "decide for one label; until then hardneg takes such a document for an answer",
        contrary.height,
        _pair_names(dataset, contrary),
    )


def all_judged_not_relevant(dataset: Dataset) -> Finding | None:
    """HN018: queries with labels, none of which is positive."""
    labelled = dataset.qrels["query"].unique()
    positive = _positive_rows(dataset)["query"].unique()
    without = labelled.filter(~labelled.is_in(positive.implode())).sort()
    if without.is_empty():
        return None
    return Finding(
        "HN018",
        "info",
        "queries without positives",
        f"{len(without):,} of {len(labelled):,} labelled queries have no label above 0",
        "they are left out of training and evaluation; label an answer to use them",
        len(without),
        tuple(dataset.queries["id"].gather(without.head(N_EXAMPLES))),
    )


def unlabelled_queries(dataset: Dataset) -> Finding | None:
    """HN019: queries that no qrels row names."""
    missing = np.setdiff1d(np.arange(dataset.n_queries), dataset.qrels["query"].to_numpy())
    if not len(missing):
        return None
    return Finding(
        "HN019",
        "info",
        "queries without labels",
        f"{len(missing):,} of {dataset.n_queries:,} queries are named by no qrels row",
        "they are not used; add labels or remove them",
        len(missing),
        tuple(dataset.queries["id"].gather(missing[:N_EXAMPLES])),
    )


def sparse_labels(dataset: Dataset) -> Finding | None:
    """HN020: few documents carry a label, so many answers may be unlabelled."""
    n_labelled = dataset.qrels["document"].n_unique()
    share = n_labelled / dataset.n_documents
    if share >= SPARSE_SHARE:
        return None
    return Finding(
        "HN020",
        "info",
        "sparse labels",
        f"{n_labelled:,} of {dataset.n_documents:,} documents ({share:.1%}) carry a label",
        "expect unlabelled answers among hard candidates: keep the margin and near-duplicate filters on",
        dataset.n_documents - n_labelled,
    )


def split_without_positives(dataset: Dataset) -> Finding | None:
    """HN022: splits with labels, none of which is positive."""
    with_positives = set(_positive_rows(dataset)["split"].unique())
    empty = [split for split in dataset.splits if split not in with_positives]
    if not empty or not with_positives:
        return None
    return Finding(
        "HN022",
        "warning",
        "splits without positives",
        f"no label above 0 in: {', '.join(empty)}",
        "nothing can be trained or evaluated on them; check the relevance column",
        len(empty),
        tuple(empty[:N_EXAMPLES]),
    )


def no_positives(dataset: Dataset) -> Finding | None:
    """HN023: no label at all is positive."""
    if not _positive_rows(dataset).is_empty():
        return None
    return Finding(
        "HN023",
        "error",
        "no positives",
        f"none of the {dataset.qrels.height:,} labels has a relevance above 0",
        "check the relevance column: above 0 means relevant",
        dataset.qrels.height,
    )


def _positive_rows(dataset: Dataset) -> pl.DataFrame:
    return dataset.qrels.filter(pl.col("relevance") > 0)


def _shared(dataset: Dataset, column: str, group: Int32[np.ndarray, " rows"]) -> pl.DataFrame:
    """List the groups with positives in several splits that are trained or measured on, and these splits."""
    rows = _positive_rows(dataset).filter(~pl.col("split").is_in(SET_ASIDE))
    rows = rows.select(column, "split").unique(maintain_order=True)
    rows = rows.with_columns(group=pl.Series(group[rows[column].to_numpy()]))
    shared = rows.filter(pl.col("split").n_unique().over("group") > 1)
    names = pl.col("split").unique(maintain_order=True).str.join(", ")
    return shared.group_by("group", maintain_order=True).agg(pl.col(column).first(), splits=names)


def _named(ids: pl.Series, positions: pl.Series, splits: pl.Series) -> tuple[str, ...]:
    return tuple(
        f"{name} ({where})"
        for name, where in zip(ids.gather(positions.head(N_EXAMPLES)), splits.head(N_EXAMPLES), strict=True)
    )


def _pair_names(dataset: Dataset, pairs: pl.DataFrame) -> tuple[str, ...]:
    return tuple(
        f"{dataset.queries['id'][query]} / {dataset.documents['id'][document]}"
        for query, document in pairs.select("query", "document").head(N_EXAMPLES).iter_rows()
    )


CHECKS = (
    queries_shared_between_splits,
    positives_shared_between_splits,
    contradictory_labels,
    all_judged_not_relevant,
    unlabelled_queries,
    sparse_labels,
    split_without_positives,
    no_positives,
)
