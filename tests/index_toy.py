"""A dataset, an encoder without a model, and vectors, for tests of indexes."""

import hashlib

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset

DIM = 16
BLOCK = np.arange(12, dtype=np.int32)


class HashedWords:
    """The vector of a text is the sum of its words' random vectors, of unit length."""

    fingerprint = "hashed words"
    query_form = None

    def encode_queries(self, texts):
        sums = np.stack([sum((self._word(word) for word in text.split()), np.zeros(DIM)) for text in texts])
        return (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)

    encode_documents = encode_queries

    def _word(self, word):
        seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest())
        return np.random.default_rng(seed).standard_normal(DIM)


ENCODER = HashedWords()


def index_toy(n_documents=90) -> Dataset:
    """12 queries, documents of six words each of sixty, the last ten repeated; labels for the first 24."""
    draw = np.random.default_rng(7)
    words = [f"word{each}" for each in range(60)]
    texts = [" ".join(draw.choice(words, 6, replace=False)) for _ in range(n_documents - 10)]
    texts += texts[-10:]
    queries = [" ".join(texts[at].split()[:3]) for at in BLOCK]
    names = [f"doc-{each}" for each in range(n_documents)]
    labels = {"query_id": [f"q{each % 12}" for each in range(24)], "doc_id": names[:24]}
    return Dataset.from_tables(
        pl.DataFrame({"id": [f"q{each}" for each in BLOCK], "text": queries}),
        pl.DataFrame({"id": names, "text": texts}),
        pl.DataFrame(labels | {"relevance": [1] * 24, "split": ["train"] * 24}),
    )


def vectors_of(dataset) -> np.ndarray:
    return ENCODER.encode_documents(dataset.document_texts.to_list())
