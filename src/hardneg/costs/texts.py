"""Texts to try things on, a dataset's or as long as asked, and something to mine that is made of them."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float32, Int64

from hardneg.data.dataset import Dataset
from hardneg.randomness import permutation

_SEED = 0x9106E
_DOCUMENTS, _QUERIES = 131_072, 4_096  # of a dataset, all different, since an index grows with the number of words
_MADE_DOCUMENTS, _MADE_QUERIES = 8_192, 2_048
_WORDS_A_TOKEN = 0.87  # of the texts made here, by the word pieces of BERT
_SPREAD = 0.5  # standard deviation of the logarithm of a text's length
_DROPOUT = 0.2  # a repeated text loses this share of its words, so that copies differ
_CLUSTER = 64  # documents around one direction: vectors of texts have neighbours


@dataclass(frozen=True)
class Texts:
    """Queries and documents like those that will be mined.

    Args:
        documents: Some documents.
        queries: Some queries.
        about: What they are, for people, and for telling calibrations apart.
        dataset: Whose they are, if they are a dataset's.
    """

    documents: list[str] = field(repr=False)
    queries: list[str] = field(repr=False)
    about: str
    dataset: Dataset | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, dataset: Dataset) -> "Texts":
        """Take a seeded choice of a dataset's texts."""
        documents = permutation(_SEED, size=dataset.n_documents)[:_DOCUMENTS]
        queries = permutation(_SEED, size=dataset.n_queries)[:_QUERIES]
        return cls(
            dataset.document_texts.gather(documents).fill_null("").to_list(),
            dataset.query_texts.gather(queries).fill_null("").to_list(),
            f"texts of {dataset.name} ({dataset.fingerprint[:8]})",
            dataset,
        )

    @classmethod
    def made(cls, *, document_tokens: int, query_tokens: int) -> "Texts":
        """Cut texts out of Python's own manual.

        Args:
            document_tokens: Mean tokens of a document, at least 1; lengths spread around it.
            query_tokens: The same for a query.

        Returns:
            English prose of these lengths.
        """
        random = np.random.default_rng(_SEED)
        return cls(
            _windows(_MADE_DOCUMENTS, document_tokens, random),
            _windows(_MADE_QUERIES, query_tokens, random),
            f"documents of {document_tokens:,} tokens, queries of {query_tokens:,}",
        )

    @property
    def document_bytes(self) -> float:
        """Mean size of a document."""
        return sum(len(text.encode()) for text in self.documents) / len(self.documents)


def _windows(wanted: int, tokens: int, random: np.random.Generator) -> list[str]:
    words = _manual()
    mean = max(tokens - 2, 1) * _WORDS_A_TOKEN  # two tokens mark the beginning and the end
    lengths = random.lognormal(np.log(mean) - _SPREAD**2 / 2, _SPREAD, wanted).round().clip(1, len(words) // 2)
    starts = random.integers(0, len(words) - lengths.astype(int))
    return [" ".join(words[start : start + int(n)]) for start, n in zip(starts.tolist(), lengths.tolist(), strict=True)]


@lru_cache(maxsize=1)
def _manual() -> list[str]:
    from pydoc_data.topics import topics

    return re.findall("[A-Za-z]+", " ".join(topics[name] for name in sorted(topics)))


def write_mined(folder: Path, texts: Texts, given: dict[str, Any]) -> None:
    """Write a dataset whose queries have one answer each, and vectors in which a query is near its answer."""
    n_queries, n_documents = given["queries"], given["documents"]
    answers = np.random.default_rng(_SEED).integers(0, n_documents, n_queries)
    query_ids, document_ids = ([f"{kind}{i}" for i in range(n)] for kind, n in (("q", n_queries), ("d", n_documents)))
    labels = {"query_id": query_ids, "doc_id": [document_ids[i] for i in answers]}
    Dataset.from_tables(
        pl.DataFrame({"id": query_ids, "text": copies(texts.queries, n_queries)}),
        pl.DataFrame({"id": document_ids, "text": copies(texts.documents, n_documents)}),
        pl.DataFrame({**labels, "relevance": [1] * n_queries, "split": ["train"] * n_queries}),
        name="trial",
    ).write(folder / "data")
    if given["dim"] is not None:
        queries, documents = _towers(answers, n_documents, given["dim"])
        np.save(folder / "documents.npy", documents)
        np.save(folder / "queries.npy", queries)


def write_dataset(folder: Path, texts: Texts, given: dict[str, Any]) -> None:  # noqa: ARG001 - as `write_mined`
    """Write the whole dataset, for trials of what a recipe does with it."""
    assert texts.dataset is not None
    texts.dataset.write(folder / "data")


def copies(texts: list[str], wanted: int) -> list[str]:
    """Repeat texts until there are enough; each copy loses some of its words."""
    random, made = np.random.default_rng(_SEED), texts[:wanted]
    for number in range(len(made), wanted):
        words = texts[number % len(texts)].split()
        kept = [word for word, keep in zip(words, random.random(len(words)) >= _DROPOUT, strict=True) if keep]
        made.append(" ".join(kept) or texts[number % len(texts)])
    return made


def _towers(
    answers: Int64[np.ndarray, " queries"], n_documents: int, dim: int
) -> tuple[Float32[np.ndarray, "queries dim"], Float32[np.ndarray, "documents dim"]]:
    """Make vectors of unit length: documents around directions in random order, queries around their answers."""
    random = np.random.default_rng(_SEED)
    directions = _unit(random.standard_normal((-(-n_documents // _CLUSTER), dim), dtype=np.float32))
    chosen = random.integers(0, len(directions), n_documents)
    documents = _unit(directions[chosen] + _noise(random, n_documents, dim))
    return _unit(documents[answers] + _noise(random, len(answers), dim)), documents


def _noise(random: np.random.Generator, rows: int, dim: int) -> Float32[np.ndarray, "rows dim"]:
    return random.standard_normal((rows, dim), dtype=np.float32) / np.float32(dim**0.5)


def _unit(vectors: Float32[np.ndarray, "rows dim"]) -> Float32[np.ndarray, "rows dim"]:
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
