"""What answers a later turn may answer this one too."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Bool

from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.domains.conversation.columns import answers_of_other_turns, conversation_digest


@dataclass(frozen=True)
class LaterTurns:
    """Refuse the answers of later turns of the query's own conversation, whichever source found them.

    A user who did not get all asks on about the same thing, and what is labelled as an answer there often answers this
    turn as well. Answers of earlier turns are not refused: their question has been answered and another one is asked.

    Queries need the columns `conversation_id` and `turn`, which `hardneg data conversations` makes.
    """

    name: ClassVar[str] = "later_turns"
    exempts_judged: ClassVar[bool] = True

    def metadata_digest(self, dataset: Dataset) -> str:
        """Hash where each query stands in its conversation; an error names a missing column or the queries without."""
        return conversation_digest(dataset, asked_by="later_turns")

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Keep what answers no later turn."""
        self.metadata_digest(dataset)
        later_answers = answers_of_other_turns(dataset, candidates["query"].unique().to_numpy(), later=True)
        pairs = (later_answers["query"].to_numpy(), later_answers["document"].to_numpy())
        answers = PairSet.build(*pairs, width=dataset.n_documents)
        return ~answers.contains(candidates["query"].to_numpy(), candidates["document"].to_numpy())
