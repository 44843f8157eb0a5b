"""When negatives are mined again, with the weights that training has reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from hardneg.errors import RecipeError

Unit = Literal["steps", "epochs"]
Mode = Literal["sync", "async", "rescore"]
Work = Literal["mine", "rescore"]


@dataclass(frozen=True, kw_only=True)
class Refresh:
    """Renew the negatives every so often with the current weights.

    A full refresh encodes the documents again and mines by the same sources, filters and selection; sources that
    encode with the model that is trained use its current weights. A rescoring leaves the candidates as they are
    and encodes only their documents: scores, ranks, filters and selection are done again.

    Args:
        every: Steps or epochs between two refreshes, at least 1.
        unit: What is counted, "steps" or "epochs".
        mode: "sync" stops training while a full refresh is made; "async" makes it in a second process while training
            goes on with the negatives it has; "rescore" never does more than rescore.
        rescore_every: Steps or epochs between rescorings, in between full refreshes; None for none.

    Raises:
        RecipeError: A value is out of range or does not fit the mode.

    References:
        ANCE, Xiong et al. (2021), arXiv:2007.00808; there the second process follows checkpoints.
    """

    every: int
    unit: Unit = "steps"
    mode: Mode = "sync"
    rescore_every: int | None = None

    def __post_init__(self) -> None:
        for name, given, literal in (("unit", self.unit, Unit), ("mode", self.mode, Mode)):
            if given not in get_args(literal):
                raise RecipeError(f"refresh: {name} must be one of {', '.join(get_args(literal))}, not {given!r}")
        if self.every < 1:
            raise RecipeError(f"refresh: every is {self.every}; set it to 1 or more")
        if self.rescore_every is None:
            return
        if self.mode == "rescore":
            raise RecipeError("refresh: mode rescore knows no full refresh; leave rescore_every out, every says it all")
        if not 1 <= self.rescore_every < self.every:
            raise RecipeError(f"refresh: rescore_every is {self.rescore_every}; set it from 1 to {self.every - 1}")

    @property
    def rescores(self) -> bool:
        """Whether candidates are ever scored again, and so must be kept."""
        return self.mode == "rescore" or self.rescore_every is not None

    def due(self, epochs: Sequence[int]) -> dict[int, Work]:
        """Lay out the refreshes of a run.

        Args:
            epochs: Epoch of each step, from 0.

        Returns:
            The steps, from 0, before which something is due, and what.
        """
        counts = {
            number: number if self.unit == "steps" else epochs[number]
            for number in range(1, len(epochs))
            if self.unit == "steps" or epochs[number] != epochs[number - 1]
        }
        refreshes: dict[int, Work] = {}
        for number, count in counts.items():
            if count % self.every == 0:
                refreshes[number] = "rescore" if self.mode == "rescore" else "mine"
            elif self.rescore_every is not None and count % self.rescore_every == 0:
                refreshes[number] = "rescore"
        return refreshes
