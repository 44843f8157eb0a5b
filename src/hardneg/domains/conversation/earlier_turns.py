"""Documents that answered the conversation before."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.domains.conversation.columns import answers_of_other_turns, conversation_digest
from hardneg.sources.retrieval import RETRIEVAL_SCHEMA, checked_name


@dataclass(frozen=True)
class EarlierTurns:
    """Documents that the labels call an answer to an earlier turn of the same conversation.

    They are about what the conversation is about, and their question stands in the history that the query carries: a
    model that reads the history and overlooks the last turn takes them. The nearest turns come first. Answers of
    **later** turns are no candidates: a user who asks on is often told in full what this turn asked for already (the
    filter `later_turns` keeps them out whoever finds them). The query's own answers are none either.

    Queries need the columns `conversation_id` and `turn`, which `hardneg data conversations` makes.

    Args:
        split: Split whose labels are looked at; must be the one that is mined.
        name: Suffix of its columns.

    Raises:
        RecipeError: The name is empty.
    """

    split: str = "train"
    name: str = "earlier_turns"

    lists_labelled: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checked_name(self.name, kind="earlier_turns")

    @property
    def reads_split(self) -> str:
        """The split whose labels are looked at."""
        return self.split

    def metadata_digest(self, dataset: Dataset) -> str:
        """Hash where each query stands in its conversation; an error names a missing column or the queries without."""
        return conversation_digest(dataset, asked_by="earlier_turns")

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """List the answers of earlier turns, those of the turns just before first."""
        self.metadata_digest(dataset)
        answers = answers_of_other_turns(dataset, block, later=False, split=self.split)
        is_positive = dataset.positives.contains(answers["query"].to_numpy(), answers["document"].to_numpy())
        ranked = answers.filter(~is_positive).with_columns(rank=pl.int_range(1, pl.len() + 1).over("query"), score=None)
        chosen = ranked.filter(pl.col("rank") <= depth)
        return chosen.select(pl.col(name).cast(dtype) for name, dtype in RETRIEVAL_SCHEMA.items())
