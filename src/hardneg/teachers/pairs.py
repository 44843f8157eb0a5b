"""What a teacher is shown: pairs of a query and a document, with the answer."""

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32

from hardneg.data.dataset import Dataset
from hardneg.data.unfit import empty_documents, repeats_query
from hardneg.errors import RunError
from hardneg.randomness import bits
from hardneg.sources import Random
from hardneg.teachers.settings import TeacherSettings
from hardneg.training.checks import check_negatives
from hardneg.training.sampling.batches import training_pairs

_CHOICE = 52  # sets these draws apart from others of the same seed


@dataclass(frozen=True, eq=False)
class LabelledPairs:
    """Pairs with labels, by position: in order of the queries, of each its positives first."""

    query: Int32[np.ndarray, " pairs"]
    document: Int32[np.ndarray, " pairs"]
    positive: Bool[np.ndarray, " pairs"]

    def __len__(self) -> int:
        return len(self.query)

    @property
    def n_positives(self) -> int:
        """Pairs whose document answers the query."""
        return int(self.positive.sum())

    @property
    def n_negatives(self) -> int:
        """The other pairs."""
        return len(self) - self.n_positives

    def where(self, keep: Bool[np.ndarray, " pairs"]) -> "LabelledPairs":
        """Take some of the pairs."""
        return LabelledPairs(self.query[keep], self.document[keep], self.positive[keep])

    def digest(self) -> str:
        """Hash all pairs and their labels."""
        state = hashlib.blake2b(digest_size=16)
        for column in (self.query, self.document, self.positive):
            state.update(column.astype("<i4").tobytes())
        return state.hexdigest()


def labelled_pairs(
    dataset: Dataset, negatives: pl.DataFrame, *, split: str, settings: TeacherSettings
) -> LabelledPairs:
    """Put the positives of a split together with what was mined for the same queries, and some random documents.

    A document that the labels of any split call an answer is left out, also by its text.
    """
    query, document = training_pairs(dataset, split, max_pairs=settings.max_pairs, seed=settings.seed)
    check_negatives(negatives, dataset)
    mined = negatives.select(pl.col("query", "document").cast(pl.Int32)).unique().sort("query", "document")
    mined = mined.filter(pl.col("query").is_in(np.unique(query)))
    mined = _without_answers(mined, dataset)
    if mined.is_empty():
        raise RunError(
            f"there is no negative for the {len(np.unique(query))} queries of split {split!r} of {dataset.name}: "
            f"mine them from this split first (hardneg mine --split {split})"
        )
    if settings.negatives_per_query is not None:
        drawn = bits(settings.seed, _CHOICE, mined["query"].to_numpy(), mined["document"].to_numpy())
        place = pl.col("drawn").rank("ordinal").over("query")
        mined = mined.with_columns(drawn=pl.Series(drawn)).filter(place <= settings.negatives_per_query)
    if settings.random_per_query:
        easy = Random(seed=settings.seed).retrieve(dataset, np.unique(query), settings.random_per_query)
        easy = _without_answers(easy.select("query", "document"), dataset)
        mined = pl.concat([mined.select("query", "document"), easy]).unique().sort("query", "document")
    queries = np.concatenate([query, mined["query"].to_numpy()])
    documents = np.concatenate([document, mined["document"].to_numpy()])
    positive = np.arange(len(queries)) < len(query)
    order = np.lexsort((documents, ~positive, queries))
    return LabelledPairs(queries[order], documents[order], positive[order])


def _without_answers(pairs: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """Leave out what is no negative: answers, the query's own text, empty documents."""
    query, document = pairs["query"].to_numpy(), pairs["document"].to_numpy()
    unfit = repeats_query(dataset, query, document) | empty_documents(dataset)[document]
    return pairs.filter(~dataset.is_answer(query, document) & ~unfit)
