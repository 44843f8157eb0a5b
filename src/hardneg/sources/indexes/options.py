"""What is said of any index: how deep it is asked, and how long."""

from dataclasses import dataclass, field
from typing import get_args

from hardneg.errors import ModelError, RecipeError
from hardneg.sources.indexes.protocol import Facts, Metric
from hardneg.sources.retrieval import checked_name


@dataclass(frozen=True, kw_only=True)
class IndexOptions:
    """What is said of any index; base of its sources.

    Args:
        pool: Records that the index is asked for, and the most documents that a query gets, at least 1.
        timeout_s: A request that takes longer has failed.
        patience_s: A request that fails is tried again until so many seconds went by.
    """

    pool: int = 200
    timeout_s: float = field(default=30.0, repr=False)  # these two change no result
    patience_s: float = field(default=120.0, repr=False)

    def settle(self, name: str, kind: str) -> None:
        """Check the values; for `__post_init__` of what is called `kind`."""
        checked_name(name, kind=kind)
        for option, least in {"pool": 1, "timeout_s": 0.001, "patience_s": 0}.items():
            if not getattr(self, option) >= least:
                raise RecipeError(f"{kind}: {option} is {getattr(self, option)}; set it to {least:g} or more")


def check_metric(metric: str | None, *, kind: str) -> None:
    """Make sure that a measure is one that there is; None leaves it to the index."""
    if metric is not None and metric not in get_args(Metric):
        raise RecipeError(f"{kind}: metric is {metric!r}; set it to {', '.join(get_args(Metric))}")


def state(facts: Facts) -> str:
    """Tell the present state of an index."""
    return f"{facts.n_records} {facts.dim} {facts.metric} {facts.marker}"


def filled(facts: Facts) -> Facts:
    """Refuse an index that is empty."""
    if facts.n_records == 0:
        raise ModelError(f"{facts.title} is empty; fill it first, or name another")
    return facts
