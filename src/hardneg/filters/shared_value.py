"""What shares metadata with a positive, where that means that it may be an answer too."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Bool
from scipy import sparse

from hardneg.data.corpus import of_texts
from hardneg.data.dataset import Dataset
from hardneg.data.metadata import columns_digest, required_column
from hardneg.sources.shared_values import incidence


@dataclass(frozen=True)
class SharedValue:
    """Refuse what shares a metadata value with one of the query's positives.

    A label often names one part of something that answers as a whole: a paragraph of a rule, a piece of a long section,
    a turn of a dialogue. Documents without a value share none.

    Args:
        column: Metadata column of the documents: plain values, or lists, which share where they have one in common.
        allow_missing: Whether documents may lack a value; if not, they are refused with an error that names them.
    """

    column: str = "parent"
    allow_missing: bool = False

    name: ClassVar[str] = "shared_value"
    exempts_judged: ClassVar[bool] = True

    def metadata_digest(self, dataset: Dataset) -> str:
        """Hash the column; a RecipeError or DatasetError says what is not there."""
        required_column(
            dataset, self.column, asked_by="shared_value: column", plain=False, allow_missing=self.allow_missing
        )
        return columns_digest(dataset.documents, (self.column,))

    def prepare(self, dataset: Dataset) -> None:
        """Number the values."""
        _values(dataset, self)

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Keep the rows that have no value of a positive of their query."""
        query, document = candidates["query"].to_numpy(), candidates["document"].to_numpy()
        if len(query) == 0:
            return np.zeros(0, dtype=bool)
        values = _values(dataset, self)
        asked, row = np.unique(query, return_inverse=True)
        of, positive = dataset.positives.among(asked)
        ones = np.ones(len(of))
        answers = sparse.csr_matrix((ones, (np.searchsorted(asked, of), positive)), (len(asked), dataset.n_documents))
        shared = (answers @ values)[row].multiply(values[document])
        return np.asarray(shared.sum(axis=1)).ravel() == 0


@of_texts(keep=4, sent=True)
def _values(dataset: Dataset, filter_: SharedValue) -> sparse.csr_matrix:
    filter_.metadata_digest(dataset)
    return incidence(dataset.documents[filter_.column])
