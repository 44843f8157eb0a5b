"""Scores of pairs, computed once and kept on disk.

A pair is known by its two texts and a scorer by its fingerprint, so other datasets with the same texts, other
recipes and later runs find the scores again. Missing pairs are scored in chunks, longest first; a killed
process loses at most the chunk that it was at.
"""

import hashlib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32, Int64

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.models.store import cache_folder
from hardneg.progress import Advance, showing, task
from hardneg.scoring.protocol import Fingerprinted, Scorer, SelfStoring
from hardneg.scoring.score_file import ScoreFile, score_file

CHUNK = 4_096
_UNIT = "pairs"


def stored_scores(
    scorer: Scorer, dataset: Dataset, query: Int32[np.ndarray, " rows"], document: Int32[np.ndarray, " rows"]
) -> Float32[np.ndarray, " rows"]:
    """Score pairs, or take their scores from the store if the same scorer has seen the same texts.

    A scorer without a fingerprint is asked each time, and so is one that keeps what is dear by itself.

    Args:
        scorer: Scores pairs.
        dataset: Where the texts are.
        query: Positions of queries.
        document: Positions of documents, one for each query.

    Returns:
        A score for each pair.

    Raises:
        RecipeError: The scorer gave something else than one finite number a pair.
        RunError: The store cannot be read or written.
    """
    if len(query) == 0:
        return np.empty(0, dtype=np.float32)
    if not isinstance(scorer, Fingerprinted) or (isinstance(scorer, SelfStoring) and scorer.self_storing):
        return _checked(scorer, dataset, query, document)
    keys = _keys(dataset, query, document)
    row = {key: number for number, key in enumerate(keys)}
    name = hashlib.blake2b(scorer.fingerprint().encode(), digest_size=16).hexdigest()
    with score_file(cache_folder() / "scores" / f"{name}.sqlite") as file:
        score = file.read(list(row))
        missing = np.array([number for key, number in row.items() if key not in score], dtype=np.int64)
        missing = missing[np.argsort(-_lengths(dataset, query[missing], document[missing]), kind="stable")]
        pairs = _Pairs([keys[number] for number in missing], query[missing], document[missing])
        score |= _score_missing(scorer, dataset, pairs, file)
    return np.array([score[key] for key in keys], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _Pairs:
    keys: list[bytes]
    query: Int32[np.ndarray, " pairs"]
    document: Int32[np.ndarray, " pairs"]


def _score_missing(scorer: Scorer, dataset: Dataset, pairs: _Pairs, file: ScoreFile) -> dict[bytes, float]:
    score: dict[bytes, float] = {}
    if not pairs.keys:
        return score
    with task("scoring pairs", total=len(pairs.keys), unit=_UNIT) as advance:
        for start in range(0, len(pairs.keys), CHUNK):
            part = slice(start, start + CHUNK)
            inner = _Within(advance)
            with showing(inner):
                found = _checked(scorer, dataset, pairs.query[part], pairs.document[part])
            chunk = dict(zip(pairs.keys[part], found.tolist(), strict=True))
            file.write(chunk.items())
            score |= chunk
            advance(len(chunk) - inner.done)
    return score


def _checked(
    scorer: Scorer, dataset: Dataset, query: Int32[np.ndarray, " rows"], document: Int32[np.ndarray, " rows"]
) -> Float32[np.ndarray, " rows"]:
    given = np.asarray(scorer.score(dataset, query, document))
    if given.shape != query.shape or given.dtype.kind not in "iuf" or not np.isfinite(given).all():
        raise RecipeError(
            f"scorer {scorer.name!r} must score {len(query)} pairs with as many finite numbers, "
            f"not with {given.dtype} of shape {given.shape}; mend its score()"
        )
    return given.astype(np.float32)


def _keys(dataset: Dataset, query: Int32[np.ndarray, " rows"], document: Int32[np.ndarray, " rows"]) -> list[bytes]:
    first, second = _digests(dataset.query_texts, query), _digests(dataset.document_texts, document)
    return [first[q] + second[d] for q, d in zip(query.tolist(), document.tolist(), strict=True)]


def _digests(texts: pl.Series, position: Int32[np.ndarray, " rows"]) -> dict[int, bytes]:
    distinct = np.unique(position)
    return {
        number: hashlib.blake2b(text.encode(), digest_size=16).digest()
        for number, text in zip(distinct.tolist(), texts.gather(distinct).fill_null("").to_list(), strict=True)
    }


def _lengths(
    dataset: Dataset, query: Int32[np.ndarray, " rows"], document: Int32[np.ndarray, " rows"]
) -> Int64[np.ndarray, " rows"]:
    parts = [dataset.query_texts.gather(query), dataset.document_texts.gather(document)]
    first, second = (part.str.len_chars().fill_null(0).to_numpy().astype(np.int64) for part in parts)
    return first + second


class _Within:
    """Shows a scorer's own progress as part of ours, which goes on from chunk to chunk."""

    def __init__(self, advance: Advance) -> None:
        self.done = 0
        self._outer = advance

    def task(self, description: str, *, total: int | None, unit: str) -> AbstractContextManager[Advance]:  # noqa: ARG002
        return nullcontext(self._advance if unit == _UNIT else lambda _n: None)

    def _advance(self, n: int) -> None:
        self.done += n
        self._outer(n)
