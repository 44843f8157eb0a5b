"""Rows as sentence-transformers' miner gives them: what stands in which column."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from hardneg.data.dataset import Dataset


@dataclass(frozen=True)
class Query:
    """A query with its positives, in the order in which they came, and what was mined for it, hardest first."""

    text: str
    positives: list[tuple[str, float]]
    mined: list[tuple[str, float]] = field(default_factory=list)


def queries_of(
    dataset: Dataset, mined: pl.DataFrame, positives: list[list[int]], scores: list[list[float]]
) -> list[Query]:
    """Join texts and scores; `mined` has `query`, `document` and `score`."""
    documents, texts = dataset.documents["text"], dataset.query_texts
    ordered = mined.sort("query", "score", descending=[False, True], maintain_order=True)
    lists = dict(
        ordered.group_by("query").agg("document", "score").select("query", pl.struct("document", "score")).iter_rows()
    )
    queries = []
    for at, text in enumerate(texts):
        both = lists.get(at, {"document": [], "score": []})
        answers = [(documents[d], s) for d, s in zip(positives[at], scores[at], strict=True)]
        negatives = [(documents[d], s) for d, s in zip(both["document"], both["score"], strict=True)]
        queries.append(Query(text, answers, negatives))
    return queries


def laid_out(
    queries: list[Query], form: str, *, anchor: str, positive: str, scored: bool, width: int
) -> dict[str, Any]:
    """Lay queries out in columns."""
    return _FORMS[form](queries, anchor=anchor, positive=positive, scored=scored, width=width)


def _triplets(queries: list[Query], *, anchor: str, positive: str, scored: bool, width: int) -> dict[str, Any]:  # noqa: ARG001 - as all
    rows = [(q.text, p, n) for q in queries for p in q.positives for n in q.mined]
    columns: dict[str, Any] = {
        anchor: [text for text, _, _ in rows],
        positive: [p for _, (p, _), _ in rows],
        "negative": [n for _, _, (n, _) in rows],
    }
    return columns | ({"scores": [[p, n] for _, (_, p), (_, n) in rows]} if scored else {})


def _tuples(queries: list[Query], *, anchor: str, positive: str, scored: bool, width: int) -> dict[str, Any]:
    rows = [(q, p) for q in queries if len(q.mined) >= width for p in q.positives]
    columns: dict[str, Any] = {anchor: [q.text for q, _ in rows], positive: [p for _, (p, _) in rows]}
    columns |= {f"negative_{at + 1}": [q.mined[at][0] for q, _ in rows] for at in range(width)}
    return columns | ({"scores": [[p, *(n for _, n in q.mined)] for q, (_, p) in rows]} if scored else {})


def _pairs(queries: list[Query], *, anchor: str, positive: str, scored: bool, width: int) -> dict[str, Any]:  # noqa: ARG001 - as all
    rows = [
        (q.text, d, s, is_answer)
        for q in queries
        for is_answer, both in ((1, q.positives), (0, q.mined))
        for d, s in both
    ]
    columns: dict[str, Any] = {anchor: [row[0] for row in rows], positive: [row[1] for row in rows]}
    return columns | ({"score": [row[2] for row in rows]} if scored else {"label": [row[3] for row in rows]})


def _lists(queries: list[Query], *, anchor: str, positive: str, scored: bool, width: int) -> dict[str, Any]:  # noqa: ARG001 - as all
    rows = [(q, p) for q in queries if q.mined for p in q.positives]
    columns: dict[str, Any] = {
        anchor: [q.text for q, _ in rows],
        positive: [[p, *(n for n, _ in q.mined)] for q, (p, _) in rows],
    }
    if scored:
        return columns | {"scores": [[s, *(n for _, n in q.mined)] for q, (_, s) in rows]}
    return columns | {"labels": [[1] + [0] * len(q.mined) for q, _ in rows]}


_FORMS: dict[str, Callable[..., dict[str, Any]]] = {
    "triplet": _triplets,
    "n-tuple": _tuples,
    "labeled-pair": _pairs,
    "labeled-list": _lists,
}
