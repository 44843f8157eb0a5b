"""Several datasets in one training, each with its own negatives and prompts; a batch is of one of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from hardneg.data.dataset import Dataset
from hardneg.data.joining import join_datasets
from hardneg.errors import RecipeError
from hardneg.negatives.own import own_negatives
from hardneg.randomness import permutation
from hardneg.runs.log import event
from hardneg.training.sampling.batches import check_positions
from hardneg.training.settings import TrainSettings

MIXED = "train"  # what the splits that are trained on are called, put together
_MIX = 23  # sets the draws apart from those of the same seed for other ends
_OWN_PER_ROW = 8  # as many as most files that bring negatives have for a query; the others have their turn
_ALONE = ("clusters", "queue", "log_q", "refresh", "replacement")  # settings that know of one dataset only


@dataclass(frozen=True, eq=False, kw_only=True)
class MixturePart:
    """One dataset of several that a model is trained on together.

    Args:
        dataset: Texts and labels.
        negatives: Mined negatives, columns `query` and `document` (positions in this dataset), perhaps `weight`; None
            takes those that its labels name, and without any trains in-batch only.
        scores: A teacher's scores, for a loss that learns from them.
        split: Whose positives are trained on.
        query_prompt: Text before each query; None takes what queries of the first dataset get, "" none. It is saved
            with the model under the name `NAME-query`, for `encode(…, prompt_name=…)`.
        document_prompt: The same for documents.
    """

    dataset: Dataset
    negatives: pl.DataFrame | None = None
    scores: pl.DataFrame | None = None
    split: str = "train"
    query_prompt: str | None = None
    document_prompt: str | None = None


@dataclass(frozen=True, eq=False)
class Mixture:
    """Several datasets as one, and which of its queries are whose."""

    names: tuple[str, ...]
    dataset: Dataset
    negatives: pl.DataFrame | None
    scores: pl.DataFrame | None
    split: str  # that is trained on
    first_query: Int64[np.ndarray, " datasets"]
    prompts: tuple[tuple[str | None, str | None], ...]  # before queries and documents of each; None as of the first

    def part_of(self, query: Int32[np.ndarray, " rows"]) -> Int64[np.ndarray, " rows"]:
        """Number the dataset that each query is of."""
        return np.searchsorted(self.first_query, query, side="right") - 1

    def prompts_of(self, query: int) -> tuple[str | None, str | None]:
        """Give what stands before a query, and before the documents of its batch."""
        return self.prompts[int(np.searchsorted(self.first_query, query, side="right")) - 1]

    @property
    def named_prompts(self) -> dict[str, str]:
        """The prompts of the further datasets, under the names by which a model is asked for them."""
        kinds = ("query", "document")
        return {
            f"{name}-{kind}": prompt
            for name, pair in zip(self.names, self.prompts, strict=True)
            for kind, prompt in zip(kinds, pair, strict=True)
            if prompt is not None
        }

    def describe(self) -> dict[str, Any]:
        """Name what decides the trained weights beside the joint tables; nothing of one dataset alone."""
        if len(self.names) == 1:
            return {}
        return {"datasets": str(self.names), "prompts_of_datasets": str(self.prompts)}


def with_own_negatives(
    parts: Sequence[MixturePart], settings: TrainSettings
) -> tuple[list[MixturePart], int, TrainSettings]:
    """Give datasets for which nothing was mined their own negatives, if they have any; counts them.

    What a row gets of them is bounded: a query may have hundreds.
    """
    filled, n_own = list(parts), 0
    for at, part in enumerate(parts) if settings.own_negatives else ():
        if part.negatives is not None:
            continue
        negatives = own_negatives(part.dataset, part.split)
        event("own_negatives", count=negatives.height)
        if negatives.is_empty():
            continue
        n_own += negatives.height
        filled[at] = replace(part, negatives=negatives)
        if settings.negatives_per_row is None and int(negatives["query"].unique_counts().max()) > _OWN_PER_ROW:  # type: ignore[arg-type]
            settings = replace(settings, negatives_per_row=_OWN_PER_ROW)
    return filled, n_own, settings


def mix(parts: Sequence[MixturePart], settings: TrainSettings) -> Mixture:
    """Put datasets behind each other, and their negatives and scores with them; a single one stays as it is.

    What the settings cannot do with several, scores of some datasets alone, splits or tables that do not fit are one
    error that names the dataset.
    """
    if len(parts) == 1:
        (part,) = parts
        nothing = (None, None)
        return Mixture(
            (part.dataset.name,), part.dataset, part.negatives, part.scores, part.split, np.zeros(1, int), (nothing,)
        )
    check_mixable(settings)
    with_scores = [part.scores is not None for part in parts]
    if any(with_scores) and not all(with_scores):
        raise RecipeError("training: some datasets have a teacher's scores and others none; score all of them or none")
    names = _names([part.dataset.name for part in parts])
    first_query, first_document = (
        np.cumsum([0, *(getattr(part.dataset, size) for part in parts[:-1])]) for size in ("n_queries", "n_documents")
    )
    negatives, scores = [], []
    for part, query, document in zip(parts, first_query, first_document, strict=True):
        part.dataset.pairs_of(part.split)  # refused under its own name, if it has none
        if part.negatives is not None:
            check_positions(part.negatives, part.dataset, kind="negatives", made="mined")
            negatives.append(_moved(part.negatives, int(query), int(document)))
        if part.scores is not None:
            check_positions(part.scores, part.dataset, kind="scores", made="made")
            scores.append(_moved(part.scores, int(query), int(document)))
    joint = join_datasets(
        dict(zip(names, (part.dataset for part in parts), strict=True)),
        splits=dict(zip(names, (part.split for part in parts), strict=True)),
        split=MIXED,
    )
    return Mixture(
        names,
        joint,
        pl.concat(negatives, how="diagonal_relaxed") if negatives else None,
        pl.concat(scores, how="diagonal_relaxed") if scores else None,
        MIXED,
        first_query,
        tuple((part.query_prompt, part.document_prompt) for part in parts),
    )


def check_mixable(settings: TrainSettings) -> None:
    """Make sure that the settings can do what they ask for with several datasets."""
    for name in _ALONE:
        if getattr(settings, name) is not None:
            raise RecipeError(f"training: {name} works with one dataset only; leave it out, or train on one")


def shares(sizes: Sequence[int], power: float) -> Int64[np.ndarray, " datasets"]:
    """Say how many batches of an epoch are each dataset's: as many as all have, dealt by size to a power.

    With 1 each gives its own number, with 0 all give equally many; none gives less than one. What rounding leaves goes
    to those that it took the most from.

    >>> shares([90, 9, 1], 1.0).tolist(), shares([90, 9, 1], 0.5).tolist(), shares([90, 9, 1], 0.0).tolist()
    ([90, 9, 1], [70, 22, 8], [34, 33, 33])
    """
    weight = np.asarray(sizes, dtype=np.float64) ** power
    wanted = weight / weight.sum() * sum(sizes)
    whole = np.maximum(1, np.floor(wanted + 1e-9)).astype(np.int64)
    left = sum(sizes) - int(whole.sum())
    if left > 0:
        whole[np.argsort(whole - wanted, kind="stable")[:left]] += 1
    return whole


def mixed_order(counts: Int64[np.ndarray, " datasets"], *, seed: int, epoch: int) -> Iterator[int]:
    """Give, batch by batch of an epoch, whose turn it is."""
    turns = np.repeat(np.arange(len(counts)), counts)
    return iter(turns[permutation(seed, _MIX, epoch, size=len(turns))].tolist())


def _names(given: Sequence[str]) -> tuple[str, ...]:
    """Tell datasets of one name apart by a number."""
    times: dict[str, int] = {}
    names = []
    for name in given:
        times[name] = times.get(name, 0) + 1
        names.append(name if times[name] == 1 else f"{name}-{times[name]}")
    if len(set(names)) < len(names):  # one is called like another with a number
        return tuple(f"{number}-{name}" for number, name in enumerate(given, start=1))
    return tuple(names)


def _moved(table: pl.DataFrame, query: int, document: int) -> pl.DataFrame:
    return table.with_columns(
        (pl.col("query").cast(pl.Int64) + query).cast(pl.Int32),
        (pl.col("document").cast(pl.Int64) + document).cast(pl.Int32),
    )
