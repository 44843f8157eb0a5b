"""What a fit will do and how long it will take, laid out before anything is trained."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hardneg.fits.request import BASE

SHARES = (8, 6, 4, 3, 2, 1.5, 1, 0.75, 0.5, 0.375, 0.25, 0.12, 0.06, 0.03)  # of an epoch that a training may take
TUNING, FINISH = "tuning", "finish"  # the stretch that is done as far as there is time, and the last
_CHEAP = 2.0  # times the seconds of a step in-batch
_LEAST = 8  # steps of the longest training
SHORT = 64  # steps that an epoch counts as at least, and after which a race of large sets tells what it has to tell
_LONGER = 2  # times the steps of the others that the last round tries
_SURE = 0.9  # of the time that is planned with: a trial of seconds tells the pace of minutes to a tenth or so
_ENOUGH = 2  # epochs that the last training has, if there is time for them, though the race had fewer
# Hundredths of nDCG@10 that a plan may expect, by the development queries of docs/decisions/0014-a-race.md:
_TRAINED = 5.0  # of training for long: half of it by what an epoch brings, half by what the first steps do
_TUNED = 0.3  # of a learning rate that was tried
_RACED, _RACED_CHEAP = 3.0, 2.5  # of the better of strategies, with many negatives a row, and with few
_ANOTHER = 0.1  # of each further strategy, and of racing for an epoch more
_TWICE, _WHOLE, _BESIDE = 0.2, 0.05, 0.2  # what two rounds, all documents and in-batch training beside the winner add
_UNSEEN = 1.0  # what development pairs would add, trained on too, if they were as many as those of train


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
    asked: float  # encoding the queries of the test, by one model

    def finish(self, strategy: str, steps: float, *, with_base: bool) -> float:
        """Seconds of training a winner, after mining anew, maybe in-batch training beside it, and of their test."""
        trained = {strategy} | ({BASE} if with_base else set())
        seconds = self.asked + sum(self.trial(each, steps) - self.look + self.whole + self.asked for each in trained)
        return seconds + (self.mine if strategy != BASE else 0.0)

    def test(self, strategy: str, *, with_base: bool, are_encoded: bool) -> float:
        """Seconds of the test alone, of a winner as the race left it; all documents may be encoded by now."""
        tested = len({strategy} | ({BASE} if with_base else set()))
        return self.asked + tested * (self.asked + (0.0 if are_encoded else self.whole))

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
    is_anew: bool = True  # the winner is trained anew at the end, on train and dev
    with_base: bool = True  # in-batch training is trained at the end too, beside a winner that is another
    first: int = 0  # steps of the first rounds; none: half of `steps`
    last: int = 0  # steps that the winner has at the end at least, but for growth
    enough: int = 0  # and that it gets if there is time left

    def choice_s(self, speed: Speed, finalists: int) -> float:
        """Seconds of the choice among so many trainings."""
        return finalists * (speed.whole if self.is_choice_whole else speed.wide)

    def finish_s(self, speed: Speed, strategy: str, steps: float) -> float:
        """Seconds of the finish of a winner that was trained for so many steps in the race."""
        if not self.is_anew:
            return speed.test(strategy, with_base=self.with_base, are_encoded=self.is_choice_whole)
        return speed.finish(strategy, max(steps, self.last) * self.grown, with_base=self.with_base)

    @property
    def half(self) -> int:
        """Steps of the first rounds: half of a whole training, or all of it where one round has to do."""
        return self.first or max(1, self.steps // 2)

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

    The winner is trained for two epochs at least at the end, if there is time; where that is short, trainings of the
    race are shorter, and as long in all of its rounds, or the winner is handed over as it was raced, and not trained
    anew. `tuning` need not fit into the time. Where encoding all documents is dear, the choice may be made against a
    small corpus, and the finish without in-batch training beside the winner, if that lets more be tried. Where there is
    no time for a race of trainings that are long enough, in-batch training alone is planned; and with too little time
    for anything, the least, and the schedule says in its seconds that it will not be kept. With `all_race`, which is
    for strategies that somebody named, none is left out.
    """
    how: dict[str, Any] = {"speed": speed, "grown": grown, "spent": spent, "budget_s": budget_s}
    if steps is not None:
        return _laid_out(tuple(strategies), tuple(rates), steps=steps, left_out={}, **how)
    shares = [share for share in SHARES if share <= max(epochs / _LONGER, _ENOUGH)]
    lengths = {max(_LEAST, round(share * epoch)): share for share in shares}
    cheap = [each for each in strategies if speed.step[each] <= _CHEAP * speed.step[BASE]]
    orders = [strategies] if all_race or len(cheap) == len(strategies) else [strategies, cheap]
    plans = [
        _laid_out(
            raced,
            tried,
            steps=length,
            first=length // 2 if twice else length,
            last=last,
            enough=max(length, round(_ENOUGH * epoch)),
            left_out={each: "there is no time for it" for each in strategies if each not in raced},
            is_choice_whole=whole,
            with_base=beside,
            is_anew=is_anew,
            **how,
        )
        for order in orders
        for raced in (tuple(order[:number]) for number in range(len(order) if all_race else 1, len(order) + 1))
        for length, share in lengths.items()
        if share <= epochs / _LONGER
        for last, end in lengths.items()
        if share <= end <= max(share, _ENOUGH)
        for twice in ((True, False) if length >= 2 * _LEAST else (False,))
        for tried in (tuple(rates), tuple(rates[:1]))
        for whole in (True, False)
        for beside in (True, False)
        for is_anew in ((True, False) if last == length else (True,))
    ]
    fitting = [each for each in plans if each.seconds <= (budget_s or 0.0) * _SURE]
    if not fitting:
        return min(plans, key=lambda each: each.seconds)
    return max(fitting, key=lambda each: _worth(each, epoch, cheap))


def _worth(plan: Schedule, epoch: int, cheap: Sequence[str]) -> float:
    """Add up what a plan may expect to gain; a race of a quarter of a short epoch tells half of it, and so on."""
    others = [each for each in plan.strategies if each != BASE]
    short = min(epoch, SHORT)
    tells = min(1.0, 2 * plan.half / short)
    worth = sum(_TRAINED / 2 * (1 - math.exp(-1.4 * plan.last / each)) for each in (short, epoch))
    worth += _ANOTHER * (plan.steps / epoch + len(others))
    worth += tells * _TUNED * (len(plan.rates) > 1)
    if others:
        worth += tells * (_RACED_CHEAP if set(others) <= set(cheap) else _RACED) + _BESIDE * plan.with_base
    worth -= 0.0 if plan.is_anew else _UNSEEN * (plan.grown - 1)
    return worth + _TWICE * (plan.half < plan.steps) + _WHOLE * plan.is_choice_whole


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
    others, half, is_once = [each for each in strategies if each != BASE], schedule.half, schedule.half == steps
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
    if not is_once:
        yield Stretch("survivors", about, 1 + kept, steps, seconds)
    elif len(rates) == 1:
        yield Stretch("survivors", "in-batch training", 1, steps, speed.trial(BASE, steps))
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
    seconds = schedule.finish_s(speed, most, steps)
    if not schedule.is_anew:
        yield Stretch(FINISH, "the test, once, of the winner as it was raced", 0, 0, seconds)
        return
    longest = round(max(steps, schedule.last) * schedule.grown)
    yield Stretch(FINISH, f"{winner} on train and dev, and the test, once", trained, longest, seconds)
