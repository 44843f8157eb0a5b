"""Texts to try things on: a dataset's, or as long as asked."""

import re
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from hardneg.data.dataset import Dataset
from hardneg.randomness import permutation

_SEED = 0x9106E
_DOCUMENTS, _QUERIES = 131_072, 4_096  # of a dataset, all different, since an index grows with the number of words
_MADE_DOCUMENTS, _MADE_QUERIES = 8_192, 2_048
_WORDS_A_TOKEN = 0.87  # of the texts made here, by the word pieces of BERT
_SPREAD = 0.5  # standard deviation of the logarithm of a text's length


@dataclass(frozen=True)
class Texts:
    """Queries and documents like those that will be mined.

    Args:
        documents: Some documents.
        queries: Some queries.
        about: What they are, for people, and for telling calibrations apart.
    """

    documents: list[str] = field(repr=False)
    queries: list[str] = field(repr=False)
    about: str

    @classmethod
    def of(cls, dataset: Dataset) -> "Texts":
        """Take a seeded choice of a dataset's texts."""
        documents = permutation(_SEED, size=dataset.n_documents)[:_DOCUMENTS]
        queries = permutation(_SEED, size=dataset.n_queries)[:_QUERIES]
        return cls(
            dataset.document_texts.gather(documents).fill_null("").to_list(),
            dataset.query_texts.gather(queries).fill_null("").to_list(),
            f"texts of {dataset.name} ({dataset.fingerprint[:8]})",
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
