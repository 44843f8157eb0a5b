"""How a cost grows with a size, from two trials."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class CostLine:
    """How a cost grows with a size."""

    points: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, points: Sequence[Sequence[float]]) -> "CostLine":
        """Take points as JSON has them."""
        return cls(tuple((size, cost) for size, cost in points))

    def at(self, size: float) -> float:
        """Predict the cost at a size.

        A cost never falls with the size, and is never below its share of the first one: noise of a small trial must
        not make work free.
        """
        (first, low), (last, high) = self.points[0], self.points[-1]
        slope = max(high - low, 0.0) / (last - first) if last > first else low / max(first, 1)
        return max(low + slope * (size - first), low * min(size / max(first, 1), 1.0))
