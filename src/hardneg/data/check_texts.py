"""Findings about texts: empty, repeated, too long."""

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.data.findings import N_EXAMPLES, Finding, Lengths
from hardneg.data.text import is_blank

LONG_SHARE = 0.10


def empty_queries(dataset: Dataset) -> Finding | None:
    """HN012: queries without text; an error where they are labelled."""
    ids = _empty(dataset.queries, dataset.query_texts)
    if ids.is_empty():
        return None
    labelled = dataset.queries["id"].gather(dataset.qrels["query"].unique())
    n_labelled = int(ids.is_in(labelled.implode()).sum())
    return Finding(
        "HN012",
        "error" if n_labelled else "warning",
        "empty queries",
        f"{len(ids):,} queries have no text, {n_labelled:,} of them with labels",
        "remove these queries and their qrels rows, or give them their text",
        len(ids),
        tuple(ids.head(N_EXAMPLES)),
    )


def empty_documents(dataset: Dataset) -> Finding | None:
    """HN013: documents with neither title nor text."""
    ids = _empty(dataset.documents, dataset.document_texts)
    if ids.is_empty():
        return None
    positive = dataset.documents["id"].gather(dataset.qrels.filter(pl.col("relevance") > 0)["document"].unique())
    n_positive = int(ids.is_in(positive.implode()).sum())
    return Finding(
        "HN013",
        "warning",
        "empty documents",
        f"{len(ids):,} documents have neither title nor text, {n_positive:,} of them labelled relevant",
        "remove them: an empty negative teaches nothing, an empty positive teaches something wrong",
        len(ids),
        tuple(ids.head(N_EXAMPLES)),
    )


def duplicate_documents(dataset: Dataset) -> Finding | None:
    """HN014: documents whose normalised texts are equal."""
    n_extra, examples = _repeats(dataset.text_group, dataset.documents["id"], but=dataset.document_texts)
    if n_extra == 0:
        return None
    return Finding(
        "HN014",
        "info",
        "documents with equal text",
        f"{n_extra:,} documents repeat the text of another one (case, Unicode form and white space aside)",
        "nothing to do for mining: a copy of a positive is never used as a negative; "
        "for evaluation merge them, since only one copy counts as found",
        n_extra,
        examples,
    )


def duplicate_queries(dataset: Dataset) -> Finding | None:
    """HN015: queries whose normalised texts are equal."""
    n_extra, examples = _repeats(dataset.query_text_group, dataset.queries["id"], but=dataset.query_texts)
    if n_extra == 0:
        return None
    return Finding(
        "HN015",
        "info",
        "queries with equal text",
        f"{n_extra:,} queries repeat the text of another one",
        "nothing to do for mining: their positives are shared; merge them if they mean the same",
        n_extra,
        examples,
    )


def long_texts(queries: Lengths, documents: Lengths, *, n_queries: int, n_documents: int) -> list[Finding]:
    """HN021: a tenth or more of the queries or documents is longer than a model would read."""
    findings = []
    for kind, lengths, total in (("queries", queries, n_queries), ("documents", documents, n_documents)):
        if lengths.share_long >= LONG_SHARE:
            findings.append(
                Finding(
                    "HN021",
                    "info",
                    f"long {kind}",
                    f"{lengths.share_long:.0%} of the {kind} have more than {lengths.limit} {lengths.unit} "
                    f"(median {lengths.median:.0f}, 95th percentile {lengths.p95:.0f})",
                    "split long texts, or raise the model's maximum length: what lies beyond it is not read",
                    round(lengths.share_long * total),
                )
            )
    return findings


def _empty(table: pl.DataFrame, texts: pl.Series) -> pl.Series:
    return table["id"].filter(pl.DataFrame({"text": texts}).select(is_blank(pl.col("text")))["text"])


def _repeats(group: Int32[np.ndarray, " rows"], ids: pl.Series, *, but: pl.Series) -> tuple[int, tuple[str, ...]]:
    """Count the rows beyond the first of each group, empty texts aside, with a few pairs of ids."""
    rows = pl.DataFrame({"group": group, "id": ids}).filter(but.str.strip_chars() != "")
    repeated = rows.filter(pl.col("group").is_duplicated())
    groups = repeated.group_by("group", maintain_order=True).agg("id")["id"]
    examples = tuple(" = ".join(members.head(3)) for members in groups.head(N_EXAMPLES))
    return repeated.height - len(groups), examples


CHECKS = (
    empty_queries,
    empty_documents,
    duplicate_documents,
    duplicate_queries,
)
