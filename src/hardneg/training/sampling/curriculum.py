"""Which mined negatives come when: a schedule over the course of a run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hardneg.errors import RecipeError

WHOLE = (0.0, 1.0)


@dataclass(frozen=True)
class Phase:
    """What a curriculum asks for at one moment."""

    shares: Mapping[str, float] | None
    window: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Curriculum:
    """A schedule from the progress of training to the sources and the hardness of the negatives.

    Values stand at equally spaced moments of the run, the first at its first step and the last at its last, and
    run on straight lines between them; a single value holds throughout.

    Hardness is the score relative to the weakest positive, `(s - s+) / |s+|`. Its quantiles are those of a query's
    own candidates: of each source apart if there are shares, else of all together. A candidate without a score
    counts as easier than those with one; a source that scores nothing, such as "random", is never cut.

    Args:
        shares: For each source its part of the negatives over time, each 0 or more. They need not add up to 1.
            Sources that are not named are not drawn from, nor are those whose share is 0 just then.
        window: Lowest and highest quantile of hardness over time, each in [0, 1].

    Raises:
        RecipeError: Nothing is scheduled, a value is out of range, or at some moment all shares are 0.

    References:
        Bengio et al. (2009), "Curriculum learning": examples in order of difficulty.

    Example:
        >>> Curriculum(window=((0.0, 0.4), (0.6, 1.0))).at(0.5).window
        (0.3, 0.7)
    """

    shares: Mapping[str, tuple[float, ...]] | None = None
    window: tuple[tuple[float, float], ...] = (WHOLE,)

    def __post_init__(self) -> None:
        if not self.shares and not self.cuts:
            raise RecipeError("curriculum: nothing is scheduled; give shares for the sources, a window, or both")
        for source, values in (self.shares or {}).items():
            if not values or not all(0 <= value < math.inf for value in values):
                raise RecipeError(f"curriculum: the shares of {source!r} are {list(values)}; give numbers of 0 or more")
        for low, high in self.window:
            if not 0 <= low < high <= 1:
                raise RecipeError(f"curriculum: a window is [{low}, {high}]; give two numbers from 0 to 1, lower first")
        for moment in self._moments():
            if self.shares and sum(self._shares(moment).values()) == 0:
                raise RecipeError(f"curriculum: at {moment:.0%} of the run all shares are 0; let one be above 0")

    @property
    def cuts(self) -> bool:
        """Whether some candidates are ever outside of the window."""
        return any(window != WHOLE for window in self.window)

    def at(self, progress: float) -> Phase:
        """Give what is asked for at a moment."""
        low, high = (_between([window[end] for window in self.window], progress) for end in (0, 1))
        if not self.shares:
            return Phase(None, (low, high))
        shares = self._shares(progress)
        total = sum(shares.values())
        return Phase({source: share / total for source, share in shares.items()}, (low, high))

    def _shares(self, progress: float) -> dict[str, float]:
        return {source: _between(values, progress) for source, values in (self.shares or {}).items()}

    def _moments(self) -> list[float]:
        """List where a line may bend: shares of 0 or more can only add up to 0 there."""
        numbers = {len(values) for values in (self.shares or {}).values()}
        return sorted({float(moment) for number in numbers for moment in np.linspace(0, 1, number)})


def _between(values: Sequence[float], progress: float) -> float:
    """Read a value off the lines through equally spaced ones."""
    return round(float(np.interp(progress, np.linspace(0, 1, len(values)), values)), 12)
