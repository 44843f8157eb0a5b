"""What a piece of work costs."""

from collections.abc import Callable

from hardneg.runs.cost import Cost, measured


def cost(work: Callable[[], object], *, repeats: int = 1) -> Cost:
    """Do something and say what it cost."""
    tries: list[Cost] = []
    for _ in range(repeats):
        costs: dict[str, Cost] = {}
        with measured(costs, "work"):
            work()
        tries.append(costs["work"])
    return Cost(min(one.wall_s for one in tries), max(one.peak_gb for one in tries))
