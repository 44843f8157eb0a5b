"""Whether the order in which users took things says anything about what they take next."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp
from scipy.stats import binomtest

_MOST = 2_000  # users looked at: enough to tell 53 % from 50 %
_CERTAIN = 0.01


@dataclass(frozen=True)
class OrderEvidence:
    """How often the newer half of a history is nearer to what its user took next than the older half is."""

    split: str  # whose answers were looked at
    users: int  # of whom one half is nearer
    newer: int  # of these, users of whom the newer half is
    p_value: float  # of as many or more on either side where order carries nothing

    @property
    def carries_something(self) -> bool:
        """Whether the order is more than chance would make it."""
        return self.users > 0 and self.p_value < _CERTAIN

    def __str__(self) -> str:
        if not self.users:
            return "order: no history of two items or more, so whether their order carries anything cannot be told"
        measured = (
            f"the newer half of a history is nearer to the answer for {self.newer / self.users:.0%} of {self.users:,} "
            f"users of {self.split} (50% where order says nothing, p = {self.p_value:.4f})"
        )
        if self.carries_something:
            return f"order: {measured}"
        return f"order carries nothing that shows: {measured}; --split random reads histories as sets"


def weigh_order(positives: pl.DataFrame) -> OrderEvidence:
    """Compare the halves of histories by how often their items are taken together with the answer.

    Two items are near if more users of the train split took both than would by chance, by the standard deviations of
    that chance, so that popular items are near to nothing for being popular. The answers are those of dev (of test
    where there is no dev), which the train split does not hold: no answer is near by itself.
    """
    split = "dev" if "dev" in positives["split"] else "test"
    places = positives.select(
        "number",
        "split",
        user=pl.col("user").rank("dense").cast(pl.Int64) - 1,
        item=pl.col("item").rank("dense").cast(pl.Int64) - 1,
    )
    train, held = (places.filter(pl.col("split") == name) for name in ("train", split))
    shape = (places["user"].n_unique(), places["item"].n_unique())
    cells = (np.ones(train.height), (train["user"].to_numpy(), train["item"].to_numpy()))
    taken = sp.csr_matrix(cells, shape=shape)
    popularity = np.asarray(taken.sum(axis=0)).ravel()
    asked = held.unique("user", keep="first", maintain_order=True).head(_MOST)
    together = sp.csr_matrix(taken.T[asked["item"].to_numpy()] @ taken)
    histories = dict(train.sort("user", "number").group_by("user", maintain_order=True).agg("item").iter_rows())
    newer = older = 0
    for row, (user, answer) in enumerate(asked.select("user", "item").iter_rows()):
        history = np.asarray(histories.get(user, []), dtype=np.int64)
        half = len(history) // 2
        by_chance = popularity[history] * popularity[answer] / shape[0]
        near = (together[row].toarray().ravel()[history] - by_chance) / np.sqrt(np.maximum(by_chance, 1e-9))
        gain = near[len(near) - half :].sum() - near[:half].sum()
        newer, older = newer + int(gain > 0), older + int(gain < 0)
    users = newer + older
    return OrderEvidence(split, users, newer, float(binomtest(newer, users).pvalue) if users else 1.0)
