"""How often a model is measured while it is trained, on what, and what follows from it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from hardneg.components import settle
from hardneg.errors import RecipeError
from hardneg.evaluation.metrics import parsed
from hardneg.place import Place

Keep = Literal["last", "best"]


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Measure the model every so often on a development split, cheaply: some queries against some documents.

    The documents are the labelled ones of the chosen queries, the best of BM25 for each of them, and random ones. BM25
    chooses and not the model, or the sample would hold what training has just pushed away. Queries and documents are
    the same at every look, in every run and for every seed. Against a part of the documents a model looks better than
    against all, so a look tells how training goes, not how good the model is.

    Args:
        split: Queries of this split are looked at, none of which may be trained on; None takes `dev`, `validation`,
            `valid`, `val` or `development`, whichever there is.
        every: A whole number is steps between two looks, one with a point is epochs: `50`, `0.25`, `1.0`. There is a
            look before the first step and one after the last in any case.
        queries: Queries of the sample; "all" takes all.
        hard: Documents that BM25 finds for each query of the sample, at least 0.
        beside: Random documents beside them; "all" takes every document there is.
        measure: What is measured, by the names of ir-measures; None takes the primary measure of the recipe or ladder,
            or nDCG@10.
        exclude: What is left out of rankings, as in `[evaluate]`; None takes what the recipe or ladder leaves out.
        keep: Whether the trained model is that of the last step or that of the look with the best value, the first of
            equal ones.
        patience: Looks without a new best after which training stops; None never stops it.
        whole: Whether the model that is kept is at last measured on all queries of the split against all documents. A
            ladder does so for every rung anyway.

    Raises:
        RecipeError: A value is out of range, or there is no such measure.
    """

    split: str | None = None
    every: int | float = 0.25
    queries: int | Literal["all"] = 300
    hard: int = 20
    beside: int | Literal["all"] = 1_000
    measure: str | None = None
    exclude: str | None = None
    keep: Keep = "last"
    patience: int | None = None
    whole: bool = True

    def __post_init__(self) -> None:
        settle(self, Place(Path("watch")))
        if not 0 < self.every < math.inf:
            raise RecipeError(f"watch: every is {self.every}; set it to 1 or more steps (50), or to epochs (0.25)")
        for name, least in {"queries": 1, "hard": 0, "beside": 0, "patience": 1}.items():
            value = getattr(self, name)
            if isinstance(value, int) and value < least:
                raise RecipeError(f"watch: {name} is {value}; set it to {least} or more")
        if self.keep not in get_args(Keep):
            raise RecipeError(f"watch: keep must be one of {', '.join(get_args(Keep))}, not {self.keep!r}")
        if self.measure is not None:
            parsed(self.measure)

    @property
    def decides(self) -> bool:
        """Whether looks decide which weights are kept, or when training ends."""
        return self.keep == "best" or self.patience is not None

    def due(self, epochs: Sequence[int]) -> frozenset[int]:
        """Lay out the looks of a run.

        Args:
            epochs: Epoch of each step, from 0.

        Returns:
            The numbers of steps after which a look is due; 0 and the last are always among them.
        """
        total = len(epochs)
        if isinstance(self.every, int):
            return frozenset({*range(0, total, self.every), total})
        sizes: dict[int, int] = {}
        for epoch in epochs:
            sizes[epoch] = sizes.get(epoch, 0) + 1
        if sizes:  # the last epoch of a run may be cut short: it is then as long as the one before
            last = max(sizes)
            sizes[last] = max(sizes[last], sizes.get(last - 1, 0))
        looks, begun, before = {0, total}, {epoch: epochs.index(epoch) for epoch in sizes}, 0
        for number, epoch in enumerate(epochs):
            share = epoch + (number + 1 - begun[epoch]) / sizes[epoch]
            passed = math.floor(share / self.every + 1e-9)
            if passed > before:
                looks.add(number + 1)
                before = passed
        return frozenset(looks)
