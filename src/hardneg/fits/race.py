"""The race: strategies, learning rates and lengths of training, fewer of them and longer from round to round."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hardneg.engines import is_here
from hardneg.errors import HardnegError, Interrupted
from hardneg.evaluation.significance import compare, mean_interval
from hardneg.fits.ahead import train_ahead
from hardneg.fits.request import BASE
from hardneg.fits.schedule import Schedule, Speed
from hardneg.fits.track import Entry, Heat, Track

LEVEL = 0.1  # what is worse than the best of a round with a smaller p is out
_FACTOR = 3.0  # between learning rates
_SLACK = 0.5  # of the time that was planned, at least
_EXTENDED = 2  # more rates at most, where the best lies at an end
# What share of the first rate's nDCG@10 a rate three times another is expected to cost against it, and how far sets
# differ in that: docs/decisions/0018-the-learning-rate.md.
_EXPECTED, _SPREAD = 0.024, 0.036
_SHORTER = (0.75, 0.5)  # of the steps that a strategy is tried with where there is no time for all of them
_PARTS = 8  # of the steps that may be added at the end, for which it is asked whether there is time


@dataclass(frozen=True)
class Standing:
    """An entry in the table of its round."""

    strategy: str
    rate: float
    steps: int
    value: float
    low: float
    high: float
    p_value: float | None  # of the difference to the best; None for the best
    goes_on: bool
    seconds: float


@dataclass(frozen=True)
class Round:
    """A round and how it ended."""

    name: str
    standings: tuple[Standing, ...]

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return asdict(self)


def standings(heats: Sequence[Heat], *, keep: int, level: float = LEVEL) -> tuple[list[Standing], list[Heat]]:
    """Rank the heats of a round, best first, and say who goes on: whoever the best does not beat, and so many at most.

    Beaten is what is worse with a p-value of the paired test below the level. Equal ones stand as they ran.
    """
    ordered = sorted(heats, key=lambda heat: -heat.mean)
    best, rows, through = ordered[0], list[Standing](), list[Heat]()
    for heat in ordered:
        p = None if heat is best else compare(heat.per_query, best.per_query, heat.measure).p_value
        goes_on = (p is None or p >= level) and len(through) < keep
        if goes_on:
            through.append(heat)
        low, high = mean_interval(heat.per_query[heat.measure].to_numpy(), seed=0)
        rows.append(
            Standing(
                **asdict(heat.entry),
                value=heat.mean,
                low=low,
                high=high,
                p_value=p,
                goes_on=goes_on,
                seconds=heat.seconds,
            )
        )
    return rows, through


@dataclass
class Clock:
    """The time of a fit; without a limit there is always enough."""

    limit_s: float | None
    spent_s: float  # of everything so far
    planned_s: float = 0.0  # of the trainings so far, as they were planned
    took_s: float = 0.0  # as they were

    def count(self, planned_s: float, took_s: float) -> None:
        """Add a training."""
        self.spent_s, self.planned_s, self.took_s = (
            self.spent_s + took_s,
            self.planned_s + planned_s,
            self.took_s + took_s,
        )

    def allows(self, planned_s: float) -> bool:
        """Say whether something can be done that was planned to take so long, at the pace that trainings had so far."""
        pace = max(_SLACK, self.took_s / self.planned_s) if self.planned_s else 1.0
        return self.limit_s is None or self.spent_s + planned_s * pace <= self.limit_s


@dataclass
class Race:
    """A race as it goes on."""

    track: Track
    schedule: Schedule
    speed: Speed
    clock: Clock
    advance: Callable[[float], None] = lambda _seconds: None
    told: Callable[[Round], None] = lambda _round: None
    heats: dict[Entry, Heat] = field(default_factory=dict)
    rounds: list[Round] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def run(self) -> list[Heat]:
        """Run all rounds for which there is time; two strategies and in-batch training are left, best first."""
        steps, half = self.schedule.steps, self.schedule.half
        rate = self._rates(half, steps)
        others = [each for each in self.schedule.strategies if each != BASE]
        through = self._round("strategies", [Entry(each, rate, half) for each in others], keep=-(-len(others) // 2))
        is_once = half == steps  # a strategy that had fewer steps, for want of time, stands as it is
        longer = [heat.entry if is_once else replace(heat.entry, steps=steps) for heat in through]
        whole = [Entry(BASE, rate, steps), *longer]
        through = self._round("survivors", whole, keep=len(whole)) or through
        self._tune(next((heat for heat in through if heat.entry.strategy != BASE), None), rate)
        return self._finalists()

    def last_of(self, entry: Entry) -> Entry:
        """Give an entry as long as it is trained at the end: as planned, or longer if there is time for that.

        One that was worse when it was trained for longer stays as it is, and so does one that is not trained anew.
        """
        if not self.schedule.is_anew:
            return entry
        if any(each.strategy == entry.strategy and each.steps > entry.steps for each in self.heats):
            return entry
        planned, enough = max(entry.steps, self.schedule.last), self.schedule.enough
        more = range(enough, planned, -max(1, (enough - planned) // _PARTS))
        fitting = (steps for steps in more if self.clock.allows(self._kept_free(entry, at_least=steps)))
        return replace(entry, steps=next(fitting, planned))

    def is_trained_anew(self, entry: Entry) -> bool:
        """Say whether a winner is trained on train and dev at the end: as planned, or if there is time for it."""
        anew = replace(self.schedule, is_anew=True, last=0)
        return self.schedule.is_anew or self.clock.allows(self._kept_free(entry, schedule=anew))

    def _rates(self, half: int, steps: int) -> float:
        """Choose a learning rate for in-batch training, and look beyond the ends where the best lies at one."""
        planned = self.schedule.rates
        if len(planned) == 1:
            self._heats([Entry(BASE, planned[0], steps)])
            return planned[0]
        heats = self._heats([Entry(BASE, rate, half) for rate in planned])
        for _ in range(_EXTENDED if len(heats) > 1 else 0):
            best, rates = max(heats, key=self.believed).entry.rate, [heat.entry.rate for heat in heats]
            if min(rates) < best < max(rates):
                break
            beyond = best * (_FACTOR if best == max(rates) else 1 / _FACTOR)
            further = self._heats([Entry(BASE, _rounded(beyond), half)])
            if not further:
                break
            heats += further
        chosen = max(heats, key=self.believed)
        self._close("rates", heats, keep=1, chosen=chosen)
        return chosen.entry.rate

    def believed(self, heat: Heat) -> float:
        """Give the mean of a heat, less what is held against its learning rate.

        Some dozen queries tell rates apart by chance as often as not. So what they show is weighed against what other
        datasets have shown: with a normal prior, which expects a rate to lose the further it is from the first, the
        posterior mean orders heats as this does. The more queries there are, the less is held against any rate.
        """
        first, *others = self.heats.values()
        distance = abs(math.log(heat.entry.rate / first.entry.rate, _FACTOR))
        if not (distance and others):
            return heat.mean
        if first.mean <= 0:
            return heat.mean - math.inf
        noise = sum(_noise(first, other) for other in others) / len(others)
        return heat.mean - noise * _EXPECTED * distance / (_SPREAD**2 * first.mean)

    def _round(self, name: str, entries: Sequence[Entry], *, keep: int) -> list[Heat]:
        heats = self._heats(entries)
        return self._close(name, heats, keep=keep) if heats else []

    def _close(
        self, name: str, heats: Sequence[Heat], *, keep: int, level: float = LEVEL, chosen: Heat | None = None
    ) -> list[Heat]:
        rows, through = standings(heats, keep=keep, level=level)
        if chosen is not None:  # who goes on is not who was best
            rows = [replace(row, goes_on=row.rate == chosen.entry.rate) for row in rows]
        self.rounds.append(Round(name, tuple(rows)))
        self.told(self.rounds[-1])
        return through

    def _tune(self, leader: Heat | None, rate: float) -> None:
        """Try the leader, if in-batch training has not beaten all, with other rates and longer, and that longer too."""
        steps, factors = self.schedule.steps, (math.sqrt(_FACTOR), 1 / math.sqrt(_FACTOR))
        strategy = BASE if leader is None else leader.entry.strategy
        enough = self.schedule.enough
        heats = self._heats([Entry(BASE, rate, 2 * steps)], at_least=enough) if leader is None else []
        heats += self._heats([Entry(strategy, _rounded(rate * factor), steps) for factor in factors], at_least=enough)
        tried = [heat for heat in self.heats.values() if (heat.entry.strategy, heat.entry.steps) == (strategy, steps)]
        best = max(tried, key=self.believed).entry.rate if tried else rate
        longer = [Entry(strategy, best, 2 * steps), Entry(BASE, best if leader is None else rate, 2 * steps)]
        new = [each for each in dict.fromkeys(longer) if each not in {heat.entry for heat in heats}]
        heats += self._heats(new, at_least=enough)
        if heats:
            self._close("tuning", heats, keep=len(heats), level=0.0)

    def _heats(self, entries: Sequence[Entry], *, at_least: int = 0) -> list[Heat]:
        """Run entries while there is time, also for so many steps at the end; the very first is run in any case."""
        heats: list[Heat] = []
        if not is_here():
            train_ahead(self.track, self._in_time(entries, at_least=at_least))
        for wanted in entries:
            entry = wanted if self._is_in_time(wanted, at_least=at_least) else self._shortened(wanted)
            if entry is None:
                continue
            planned, is_new = self.speed.trial(entry.strategy, entry.steps), entry not in self.heats
            if is_new:
                why = self._run(entry)
                self.clock.count(planned, self.track.seconds(entry))
                self.advance(planned)
                if why:
                    self.left_out[entry.strategy] = why
                    continue
                self._forget_beaten()
            heats.append(self.heats[entry])
        return heats

    def _is_in_time(self, entry: Entry, *, at_least: int = 0) -> bool:
        """Say whether there is time for an entry and what follows; what is done is, and so is the very first."""
        planned = self.speed.trial(entry.strategy, entry.steps)
        late = not self.clock.allows(planned + self._kept_free(entry, at_least=at_least))
        return entry in self.heats or not self.heats or not late

    def _shortened(self, entry: Entry) -> Entry | None:
        """Give an entry with fewer steps for which there is time, of a strategy that would be left out otherwise."""
        longest = max((each.steps for each in self.heats if each.strategy == entry.strategy), default=0)
        shares = () if longest else _SHORTER
        shorter = (replace(entry, steps=round(share * entry.steps)) for share in shares)
        short = next(filter(self._is_in_time, shorter), None)
        if short is None and longest < entry.steps:
            self.left_out.setdefault(entry.strategy, f"there was no time for {entry.steps:,} steps of it")
        return short

    def _in_time(self, entries: Sequence[Entry], *, at_least: int) -> list[Entry]:
        """Name the entries for which there would be time one after the other."""
        chosen, planned = list[Entry](), 0.0
        for entry in entries:
            planned += 0.0 if entry in self.heats else self.speed.trial(entry.strategy, entry.steps)
            if entry not in self.heats and self.clock.allows(planned + self._kept_free(entry, at_least=at_least)):
                chosen.append(entry)
        return chosen

    def _run(self, entry: Entry) -> str:
        """Run an entry, or say why it cannot be; only without in-batch training there is no race."""
        try:
            doubts = self.track.doubts(entry)
            if not doubts:
                self.heats[entry] = self.track.run(entry)
        except Interrupted:
            raise
        except HardnegError as error:
            if entry.strategy == BASE:
                raise
            return str(error)
        return doubts

    def _kept_free(
        self, entry: Entry, *, finalists: int = 1, at_least: int = 0, schedule: Schedule | None = None
    ) -> float:
        """Give the seconds of the choice among finalists and in-batch training, and of the finish of an entry."""
        is_alone, schedule = (
            {entry.strategy, *(each.strategy for each in self.heats)} == {BASE},
            schedule or self.schedule,
        )
        choice = schedule.choice_s(self.speed, 1 if is_alone else finalists + 1)
        return choice + schedule.finish_s(self.speed, entry.strategy, max(entry.steps, at_least))

    def _finalists(self) -> list[Heat]:
        """Take in-batch training and the best two of the others; the second if there is time to measure it too."""
        best = self._best()
        base, others = best.pop(BASE), list(best.values())[:2]
        if len(others) == 2 and not self.clock.allows(max(self._kept_free(each.entry, finalists=2) for each in others)):
            others.pop()
        return sorted([*others, base], key=self.believed, reverse=True)

    def _best(self) -> dict[str, Heat]:
        """Give the best heat of each strategy, the best strategy first."""
        best: dict[str, Heat] = {}
        for heat in sorted(self.heats.values(), key=self.believed, reverse=True):
            best.setdefault(heat.entry.strategy, heat)
        return best

    def _forget_beaten(self) -> None:
        """Keep the best model of each strategy alone."""
        kept = {heat.entry for heat in self._best().values()}
        for entry in self.heats.keys() - kept:
            self.track.forget(entry)


def _noise(before: Heat, after: Heat) -> float:
    """Give the variance of the mean difference of two heats over their queries."""
    both = before.per_query.join(after.per_query, on="query_id", suffix="_after")
    seen = (both[f"{before.measure}_after"] - both[before.measure]).to_numpy()
    return float(seen.var(ddof=1)) / len(seen) if len(seen) > 1 else math.inf


def _rounded(rate: float) -> float:
    """Write a rate with two digits."""
    return float(f"{rate:.2g}")


def spread(first: float) -> tuple[float, float]:
    """Lay out the learning rates to begin with: one, and three times as much.

    >>> spread(3e-5)
    (3e-05, 9e-05)
    """
    return first, _rounded(first * _FACTOR)
