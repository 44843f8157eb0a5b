"""Pairs to judge, known by content."""

import hashlib
from collections.abc import Container, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.scoring.llm.prompt import Messages, Prompt


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows of pairs; rows of equal content are one pair."""

    rows: list[bytes]
    texts: dict[bytes, tuple[str, str]]
    prompt: Prompt

    @property
    def distinct(self) -> list[bytes]:
        """Digests of the different pairs."""
        return list(self.texts)

    def without(self, known: Container[bytes]) -> Iterator[tuple[bytes, Messages]]:
        """Give digest and prompt of each pair that is not known yet."""
        for pair, (query, document) in self.texts.items():
            if pair not in known:
                yield pair, self.prompt.messages(query, document)


def read_pairs(
    dataset: Dataset,
    query: Int32[np.ndarray, " rows"],
    document: Int32[np.ndarray, " rows"],
    *,
    prompt: Prompt,
    cut: int | None,
    judge: bytes,
) -> Pairs:
    """Read the texts of pairs and digest them."""
    queries, documents = _texts(dataset.query_texts, query, None), _texts(dataset.document_texts, document, cut)
    first = {q: _digest(text) for q, text in queries.items()}
    second = {d: _digest(text) for d, text in documents.items()}
    rows: list[bytes] = []
    texts: dict[bytes, tuple[str, str]] = {}
    for q, d in zip(query.tolist(), document.tolist(), strict=True):
        pair = hashlib.blake2b(judge + first[q] + second[d], digest_size=16).digest()
        rows.append(pair)
        texts.setdefault(pair, (queries[q], documents[d]))
    return Pairs(rows, texts, prompt)


def _texts(texts: pl.Series, position: Int32[np.ndarray, " rows"], cut: int | None) -> dict[int, str]:
    distinct = np.unique(position)
    found = texts.gather(distinct).fill_null("").to_list()
    return {number: text[:cut] for number, text in zip(distinct.tolist(), found, strict=True)}


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
