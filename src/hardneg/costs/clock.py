"""What a piece of work costs."""

from collections.abc import Callable

from hardneg.runs.cost import Cost, measured


def cost(work: Callable[[], object], *, repeats: int = 1) -> Cost:
    """Do something and say what it cost.

    Args:
        work: What to do.
        repeats: How often; the quickest counts, since what disturbs only ever slows down.

    Returns:
        Seconds of the clock, and the largest memory of the process meanwhile.
    """
    tries: list[Cost] = []
    for _ in range(repeats):
        costs: dict[str, Cost] = {}
        with measured(costs, "work"):
            work()
        tries.append(costs["work"])
    return Cost(min(one.wall_s for one in tries), max(one.peak_gb for one in tries))
