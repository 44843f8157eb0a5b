"""Who wins: the best of a race, if queries that the race never saw do not speak against it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from hardneg.evaluation.significance import Comparison, compare
from hardneg.fits.baselines import ZERO_SHOT, System
from hardneg.fits.halves import only

_LEVEL = 0.05


@dataclass(frozen=True)
class Duel:
    """How one system stands to another: on the queries of the race, which chose, on fresh ones, and on both.

    And on both among random documents, where all documents do not tell them apart.
    """

    against: str
    race: Comparison
    fresh: Comparison
    both: Comparison
    among: Comparison | None = None

    @property
    def is_told(self) -> bool:
        """Whether the difference on all queries is beyond chance."""
        return self.both.p_value < _LEVEL

    @property
    def is_told_among(self) -> bool:
        """Whether that among random documents is, and it decides."""
        return not self.is_told and self.among is not None and self.among.p_value < _LEVEL

    @property
    def is_won(self) -> bool:
        """Whether it is ahead on fresh queries, or on all of them by more than luck; or among random documents."""
        if self.among is not None and self.is_told_among:
            return self.among.difference > 0
        return self.fresh.difference > 0 or (self.both.difference > 0 and self.is_told)

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return asdict(self) | {"is_won": self.is_won}


@dataclass(frozen=True)
class Choice:
    """What is handed over."""

    name: str  # of a finalist, or `zero_shot`
    leader: str  # the best of the race
    duels: tuple[Duel, ...]
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return {**asdict(self), "duels": [duel.as_dict() for duel in self.duels]}


def choose(
    systems: Mapping[str, System],
    finalists: Sequence[str],
    *,
    race: pl.Series,
    fresh: pl.Series,
    measure: str,
    base: str,
    among: Callable[[str], System] | None = None,
) -> Choice:
    """Choose among finalists, in-batch training and the model as it is.

    The leader is the best on the queries of the race. Having been chosen for its figure there, it is likely to be
    worse than that figure (the winner's curse), so its gain is what the fresh queries show. It wins if it is ahead of
    in-batch training on these, or ahead on all development queries with p < 0.05. Otherwise in-batch training wins; and
    by the same rule the untrained model, where that is not beaten. All systems were measured on both halves of the
    queries, against all documents. Where these do not tell two apart with p < 0.05, and random documents do, which
    `among` measures a system on, these decide.
    """

    def duel(name: str, against: str) -> Duel:
        before, after = systems[against].per_query, systems[name].per_query
        parts = (race, fresh, pl.concat([race, fresh]))
        one = Duel(against, *(compare(only(before, part), only(after, part), measure) for part in parts))
        if one.is_told or among is None:
            return one
        return replace(one, among=compare(among(against).per_query, among(name).per_query, measure))

    def mean(name: str) -> float:
        return float(only(systems[name].per_query, race)[measure].to_numpy().mean())

    leader = max(finalists, key=lambda name: (mean(name), name == base))
    name, duels, reason = leader, [], "it led the race, and fresh queries agree"
    if leader != base:
        duels.append(duel(leader, base))
        if not duels[-1].is_won:
            where = "among random documents" if duels[-1].is_told_among else "on fresh queries"
            name, reason = (
                base,
                f"{leader} led the race, but not {where}; nothing that was tried beats in-batch training",
            )
        elif duels[-1].is_told_among:
            reason = "it led the race, and is ahead among random documents"
    else:
        reason = "nothing that was tried beats in-batch training"
    duels.append(duel(name, ZERO_SHOT))
    if not duels[-1].is_won:
        name, reason = ZERO_SHOT, "no training that was tried beats the model as it is"
    elif duels[-1].is_told_among and duels[-1].fresh.difference <= 0:
        reason += "; all documents do not tell it from the model as it is, random ones do"
    return Choice(name, leader, tuple(duels), reason)
