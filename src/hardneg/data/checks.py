"""Checking a dataset: the counts, and every finding that applies."""

import polars as pl

from hardneg.data import check_labels, check_leaks, check_texts
from hardneg.data.dataset import Dataset
from hardneg.data.findings import N_EXAMPLES, Check, Finding, Lengths, Severity, SplitCounts, in_order
from hardneg.data.rejections import Rejections
from hardneg.data.text import word_counts
from hardneg.errors import DatasetError

CHECKS = (*check_labels.CHECKS, *check_texts.CHECKS, *check_leaks.CHECKS)


def check_dataset(
    dataset: Dataset,
    *,
    rejections: Rejections | None = None,
    tolerate_skipped: bool = False,
    lengths: tuple[pl.Series, pl.Series] | None = None,
    unit: str = "words",
    max_tokens: int = 256,
) -> Check:
    """Count what a dataset holds and look for everything that may spoil training or evaluation."""
    query_lengths, document_lengths = lengths or (word_counts(dataset.query_texts), word_counts(dataset.document_texts))
    left_out = rejections or Rejections(skip=True, counts=dict(dataset.skipped))
    summaries = (
        summarised(query_lengths, unit=unit, limit=max_tokens),
        summarised(document_lengths, unit=unit, limit=max_tokens),
    )
    findings = [
        *skipped_rows(left_out, tolerate=tolerate_skipped),
        *(finding for check in CHECKS if (finding := check(dataset)) is not None),
        *check_texts.long_texts(*summaries, n_queries=dataset.n_queries, n_documents=dataset.n_documents),
    ]
    return Check(
        dataset=dataset.name,
        n_queries=dataset.n_queries,
        n_documents=dataset.n_documents,
        labelled_queries=dataset.qrels.filter(pl.col("relevance") > 0)["query"].n_unique(),
        labelled_documents=dataset.qrels["document"].n_unique(),
        splits={split: split_counts(dataset, split) for split in dataset.splits},
        query_lengths=summaries[0],
        document_lengths=summaries[1],
        skipped=dict(left_out.counts),
        findings=in_order(findings),
        mapping=dataset.mapping,
    )


def skipped_rows(rejections: Rejections, *, tolerate: bool) -> list[Finding]:
    """HN010 and HN011: rows that could not be used, a finding for each kind, and labels that name an unknown id."""
    severity: Severity = "warning" if tolerate else "error"
    findings = []
    for reason, n in rejections.counts.items():
        examples = tuple(rejections.examples.get(reason, []))[:N_EXAMPLES]
        if reason == "unknown id":
            detail = f"{n:,} qrels rows name a query or document that does not exist"
            remedy = "add the missing records or remove the rows; --skip-invalid leaves them out"
            findings.append(Finding("HN011", severity, "labels that name an unknown id", detail, remedy, n, examples))
        else:
            detail = f"left out on reading: {reason} {n:,} times"
            remedy = "mend the lines named, or read with --skip-invalid to go on without them"
            findings.append(Finding("HN010", severity, "rows that cannot be used", detail, remedy, n, examples))
    return findings


class UnreadableError(DatasetError):
    """A dataset cannot be read (HN028); `findings` has all the rows that were given up on the way as well."""

    def __init__(self, error: DatasetError, rejections: Rejections, *, tolerate: bool = False) -> None:
        super().__init__(str(error))
        self.path, self.line = error.path, error.line
        self.skipped = dict(rejections.counts)
        rows = skipped_rows(rejections, tolerate=tolerate)
        remedy = (
            "mend the rows above first: without --skip-invalid, every command stops at the first of them"
            if rows
            else "mend what the message names; every command stops there"
        )
        self.findings = in_order([*rows, Finding("HN028", "error", "cannot be read", str(error), remedy, 1)])


def summarised(lengths: pl.Series, *, unit: str, limit: int) -> Lengths:
    """Sum up lengths by median, 95th percentile, maximum and the share above a limit."""
    return Lengths(
        unit=unit,
        limit=limit,
        median=float(lengths.quantile(0.5, interpolation="linear") or 0.0),
        p95=float(lengths.quantile(0.95, interpolation="linear") or 0.0),
        longest=int(lengths.cast(pl.Int64).max() or 0),  # type: ignore[arg-type]
        share_long=float((lengths > limit).mean() or 0.0),  # type: ignore[arg-type]
    )


def split_counts(dataset: Dataset, split: str) -> SplitCounts:
    """Count the labels of one split."""
    pairs = (
        dataset.qrels.lazy()
        .filter(pl.col("split") == split)
        .group_by("query", "document")
        .agg(pl.col("relevance").max())
        .collect()
    )
    per_query = pairs.filter(pl.col("relevance") > 0).group_by("query").len()["len"]
    positives = int(per_query.sum())
    return SplitCounts(
        queries=len(per_query),
        positives=positives,
        judged_negatives=pairs.height - positives,
        mean_positives=positives / len(per_query) if len(per_query) else 0.0,
        most_positives=int(per_query.max() or 0),  # type: ignore[arg-type]
    )
