"""The query's own text is no negative."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Bool

from hardneg.data.dataset import Dataset
from hardneg.data.unfit import compare_with_queries, repeats_query


@dataclass(frozen=True)
class QueryItself:
    """Refuse a document that says what the query says.

    Where queries are documents too, as in argument and duplicate retrieval, a query's own text is what every retriever
    finds first; pushed away, it teaches a model that equal texts are unlike. Texts are compared normalised (Unicode
    NFKC, case, white space), with the document's title and without it. This filter is always on.

    References:
        The same rule when measuring: `ignore_identical_ids` of BEIR, Thakur et al. (2021), arXiv:2104.08663.
    """

    name: ClassVar[str] = "query_itself"
    exempts_judged: ClassVar[bool] = False

    def prepare(self, dataset: Dataset) -> None:
        """Compare the documents with the queries."""
        compare_with_queries(dataset)

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Keep what says something else."""
        return ~repeats_query(dataset, candidates["query"].to_numpy(), candidates["document"].to_numpy())
