"""What a fit will do and how long it will take, laid out before anything is trained."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hardneg.fits.request import BASE

SHARES = (8, 6, 4, 3, 2, 1.5, 1, 0.75, 0.5, 0.25)  # of an epoch that the longest training may take
TUNING, FINISH = "tuning", "finish"  # the stretch that is done as far as there is time, and the last
_CHEAP, _SPARED = 2.0, 0.4  # times the seconds of a step in-batch; what it costs in worth to race no others
_LEAST = 8  # steps of the longest training
_LONGER = 2  # times the steps of the others that the last round tries
_SURE = 0.9  # of the time that is planned with
_WHOLE, _BESIDE = 0.05, 0.2  # what it is worth to choose against all documents, and to train in-batch beside a winner


@dataclass(frozen=True)
class Speed:
    """Seconds of what a fit is made of."""

    step: Mapping[str, float]  # of each strategy
    remine: Mapping[str, float]  # mining again, in one training of each strategy
    start: float  # of each training: loading, saving
    mine: float  # the candidates, once
    learn: float  # fitting a learned filter
    look: float  # measuring on the development queries of the race
    wide: float  # and on all of them, against a corpus as small
    whole: float  # measuring on all documents

    def finish(self, strategy: str, steps: float, *, with_base: bool) -> float:
        """Seconds of training a winner, after mining anew, maybe in-batch training beside it, and of their test."""
        trained = {strategy} | ({BASE} if with_base else set())
        seconds = sum(self.trial(each, steps) - self.look + self.whole for each in trained)
        return seconds + (self.mine if strategy != BASE else 0.0)

    def trial(self, strategy: str, steps: float) -> float:
        """Seconds of one training and a look at what it gave."""
        return self.start + steps * self.step[strategy] + self.remine[strategy] + self.look


@dataclass(frozen=True)
class Stretch:
    """One part of a fit."""

    name: str
    about: str
    trainings: int
    steps: int
    seconds: float


@dataclass(frozen=True)
class Schedule:
    """All of it."""

    steps: int  # of a training that counts as a whole one
    strategies: tuple[str, ...]
    rates: tuple[float, ...]
    left_out: Mapping[str, str]  # why, by strategy
    stretches: tuple[Stretch, ...]
    grown: float  # times as many steps as in the race that the last training has
    budget_s: float | None = None
    is_choice_whole: bool = True  # against all documents, not a small corpus
    with_base: bool = True  # in-batch training is trained at the end too, beside a winner that is another

    def choice_s(self, speed: Speed, finalists: int) -> float:
        """Seconds of the choice among so many trainings."""
        return finalists * (speed.whole if self.is_choice_whole else speed.wide)

    def finish_s(self, speed: Speed, strategy: str, steps: float) -> float:
        """Seconds of the finish of a winner that was trained for so many steps in the race."""
        return speed.finish(strategy, steps * self.grown, with_base=self.with_base)

    @property
    def seconds(self) -> float:
        """Seconds of all stretches that are done in any case."""
        return sum(stretch.seconds for stretch in self.stretches if stretch.name != TUNING)

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Schedule":
        """Take what `as_dict` gave."""
        lists = {key: tuple(values[key]) for key in ("strategies", "rates")}
        return cls(**{**values, **lists, "stretches": tuple(Stretch(**each) for each in values["stretches"])})


def plan_fit(
    strategies: Sequence[str],
    rates: Sequence[float],
    speed: Speed,
    *,
    spent: float,
    epoch: int,
    epochs: float,
    grown: float,
    budget_s: float | None,
    steps: int | None,
    all_race: bool = False,
) -> Schedule:
    """Choose how long trainings are and how many strategies race, so that all of it fits into the time.

    Strategies come with in-batch training first, then what pays most often; those at the end are left out first, or
    those whose steps cost much more than in-batch training's, if that lets the others be trained for longer. An
    `epoch` is in steps, `epochs` the longest training in epochs, `grown` how many times as many pairs the last training
    has. Seconds that are `spent` are gone already. `steps` are those of a whole training, in place of a time.

    `tuning` need not fit into the time. Where encoding all documents is dear, the choice may be made against a small
    corpus, and the finish without in-batch training beside the winner, if that lets more be tried. Where there is no
    time for a race of trainings that are long enough, in-batch training alone is planned; and with too little time for
    anything, the least, and the schedule says in its seconds that it will not be kept. With `all_race`, which is for
    strategies that somebody named, none is left out.
    """
    how: dict[str, Any] = {"speed": speed, "grown": grown, "spent": spent, "budget_s": budget_s}
    if steps is not None:
        return _laid_out(tuple(strategies), tuple(rates), steps=steps, left_out={}, **how)
    shares = [share for share in SHARES if share <= epochs / _LONGER]
    lengths = {max(_LEAST, round(share * epoch)): share for share in shares}
    middle = (rates[0],)
    cheap = [each for each in strategies if speed.step[each] <= _CHEAP * speed.step[BASE]]
    spares = len(cheap) < len(strategies) and not all_race
    orders = [(strategies, 0.0), (cheap, _SPARED)] if spares else [(strategies, 0.0)]
    plans = [
        (
            _worth(share, len(raced), tried) + _WHOLE * whole + _BESIDE * beside - less,
            _laid_out(raced, tried, steps=length, left_out=late, is_choice_whole=whole, with_base=beside, **how),
        )
        for order, less in orders
        for raced in (tuple(order[:number]) for number in range(len(order) if all_race else 1, len(order) + 1))
        for late in [{each: "there is no time for it" for each in strategies if each not in raced}]
        for length, share in lengths.items()
        for tried in (tuple(rates), middle)
        for whole in (True, False)
        for beside in (True, False)
    ]
    fitting = [each for each in plans if each[1].seconds <= (budget_s or 0.0) * _SURE]
    if not fitting:
        return min(plans, key=lambda each: each[1].seconds)[1]
    return max(fitting, key=lambda each: each[0])[1]


def _worth(share: float, strategies: int, rates: Sequence[float]) -> float:
    """Weigh what time may go into: a whole epoch first, then several rates, a race at all, more strategies, epochs."""
    race = strategies / 8 + (0.5 if strategies > 1 else 0.0)
    return 2 * min(share, 1.0) + share / 8 + race + (0.75 if len(rates) > 1 else 0.0)


def _laid_out(
    strategies: tuple[str, ...],
    rates: tuple[float, ...],
    *,
    speed: Speed,
    spent: float,
    **settings: Any,  # noqa: ANN401
) -> Schedule:
    schedule = Schedule(strategies=strategies, rates=rates, stretches=(), **settings)
    return replace(schedule, stretches=tuple(_stretches(schedule, speed, spent)))


def _stretches(schedule: Schedule, speed: Speed, spent: float) -> Iterator[Stretch]:
    steps, strategies, rates = schedule.steps, schedule.strategies, schedule.rates
    others, half = [each for each in strategies if each != BASE], max(1, steps // 2)
    yield Stretch("know", "the model as it is, BM25 and both together; how fast things are here", 0, 0, spent)
    if len(rates) > 1:
        number = len(rates) + 1
        about = f"in-batch training with {len(rates)} learning rates, and one beyond the better"
        yield Stretch("rates", about, number, half, number * speed.trial(BASE, half))
    kept = -(-len(others) // 2)
    if others:
        learned = any("learned" in each or each == "relabelled" for each in others)
        seconds = speed.mine + learned * speed.learn + sum(speed.trial(each, half) for each in others)
        yield Stretch("strategies", f"every other strategy: {', '.join(others)}", len(others), half, seconds)
    dearest = sorted((speed.trial(each, steps) for each in others), reverse=True)
    seconds = speed.trial(BASE, steps) + sum(dearest[:kept])
    about = "in-batch training and those that were not beaten, twice as long" if others else "in-batch training"
    yield Stretch("survivors", about, 1 + kept, steps, seconds)
    most, longer = max(strategies, key=lambda each: speed.trial(each, steps)), _LONGER * steps
    seconds = 2 * speed.trial(most, steps) + speed.trial(most, longer) + speed.trial(BASE, longer)
    about = "as far as there is time: the best with other rates and longer, in-batch longer"
    yield Stretch(TUNING, about, 4, longer, seconds)
    corpus = "all documents" if schedule.is_choice_whole else "a small corpus"
    about = f"the best and in-batch training on {corpus}"
    yield Stretch("choice", about, 0, 0, schedule.choice_s(speed, len(strategies[:2])))
    winner, trained = "in-batch training", 1
    if others:
        winner, trained = ("the winner and in-batch training", 2) if schedule.with_base else ("the winner", 1)
    about = f"{winner} on train and dev, and the test, once"
    yield Stretch(FINISH, about, trained, round(steps * schedule.grown), schedule.finish_s(speed, most, steps))
