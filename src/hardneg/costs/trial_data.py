"""Something to mine: a dataset and vectors as large as a trial wants, made of a few texts."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float32, Int64

from hardneg.costs.texts import Texts
from hardneg.data.dataset import Dataset

_DROPOUT = 0.2  # a repeated text loses this share of its words, so that copies differ
_CLUSTER = 64  # documents around one direction: vectors of texts have neighbours
_SEED = 0x9106E


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
