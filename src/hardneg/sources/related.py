"""Documents that have something in common with an answer, by what their metadata say."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.corpus import of_texts
from hardneg.data.dataset import Dataset
from hardneg.data.metadata import columns_digest, required_column
from hardneg.errors import RecipeError
from hardneg.sources.retrieval import RETRIEVAL_SCHEMA, checked_name
from hardneg.sources.shared_values import SharedValues, incidence, order_values


@dataclass(frozen=True)
class Related:
    """Documents that share a metadata value with a labelled answer of the query: its file, statute, class, author.

    They look like the answer for a reason that a model sees at once, and say something else. Labels of the mined split
    alone are looked at, so no answer that testing asks for shapes what is mined. Answers themselves are no candidates.

    A column of lists (genres, defined terms, calls) is shared where two lists have a value in common. Candidates of a
    query are ordered by how close they are to the closest of its answers:

    - with `order`, by distance in that column: the difference of numbers or times (in seconds); for texts, how many
      values lie between, in natural order ("2.9" before "2.10") among the documents that share a value, or among all
      where the shared column holds lists;
    - then by the share of values in common (Jaccard), which is 1 for a column of plain values;
    - then by how many documents of the dataset lie between, and by position.

    The score is minus the distance with `order`; without, the Jaccard similarity for a column of lists, and none for a
    column of plain values. No score says whether a document answers the query, and pairs that were not found have none.

    Args:
        column: Metadata column of the documents that must be shared.
        order: Column in which the nearest come first; a document without a value there is no candidate.
        different: Column in which a candidate must have another value than the answer, and both must have one: the same
            section number of another document.
        allow_missing: Whether documents may lack a value, and are then related to none; if not, they are refused with
            an error that names them. An empty list is a value.
        split: Split whose labels are looked at; must be the one that is mined.
        name: Suffix of its columns.

    Raises:
        RecipeError: The name is empty, or a candidate would have to differ in what it shares.
    """

    column: str
    order: str | None = None
    different: str | None = None
    allow_missing: bool = False
    split: str = "train"
    name: str = "related"

    lists_labelled: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checked_name(self.name, kind="related")
        if self.different == self.column:
            raise RecipeError(f"related: no document can share {self.column!r} and differ in it; name another column")

    @property
    def reads_split(self) -> str:
        """The split whose labels are looked at."""
        return self.split

    @property
    def columns(self) -> tuple[str, ...]:
        """Metadata columns of the documents that decide what is found."""
        return tuple(dict.fromkeys(each for each in (self.column, self.order, self.different) if each is not None))

    def metadata_digest(self, dataset: Dataset) -> str:
        """Hash the metadata that decide what is found; an InputError says which column cannot be used, and why."""
        for key in ("column", "order", "different"):
            if (column := getattr(self, key)) is not None:
                required_column(
                    dataset, column, asked_by=f"related: {key}", plain=key == "order", allow_missing=self.allow_missing
                )
        return columns_digest(dataset.documents, self.columns)

    def prepare(self, dataset: Dataset) -> None:
        """Number the values."""
        _shared_values(dataset, self)

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """List the documents that are related to the answers of some queries."""
        values = _shared_values(dataset, self)
        query, positive = dataset.positives_of(self.split).among(np.sort(block))
        parts = [
            values.nearest(query[of], positive[of], dataset.positives, depth) for of in values.parts(query, positive)
        ]
        return pl.concat([pl.DataFrame(schema=RETRIEVAL_SCHEMA), *parts])


@of_texts(keep=8, sent=True)
def _shared_values(dataset: Dataset, related: Related) -> SharedValues:
    related.metadata_digest(dataset)
    documents, shared = dataset.documents, dataset.documents[related.column]
    order = None if related.order is None else order_values(documents[related.order], within=shared)
    different = None if related.different is None else incidence(documents[related.different])
    return SharedValues(incidence(shared), order, different, scores=shared.dtype.is_nested())
