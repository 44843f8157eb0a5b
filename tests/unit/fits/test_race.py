"""Who goes on in a race, and how a race goes on with the time that is left."""

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
import pytest

from hardneg.errors import DatasetError
from hardneg.evaluation.significance import compare
from hardneg.fits.race import Clock, Race, spread, standings
from hardneg.fits.schedule import Schedule, Speed, Stretch
from hardneg.fits.track import Entry, Heat

MEASURE = "nDCG@10"
NAMES = ("in_batch", "mined_many", "refresh_many", "clustered_many", "learned_many")


def heat(strategy, mean, *, rate=3e-5, steps=10, noise=0.1, seconds=10.0):
    rng = np.random.default_rng(sum(map(ord, strategy)) + steps)
    values = mean + noise * rng.standard_normal(60)
    values += mean - values.mean()
    table = pl.DataFrame({"query_id": [f"q{at}" for at in range(60)], MEASURE: values})
    return Heat(Entry(strategy, rate, steps), table, MEASURE, seconds)


def test_whoever_the_best_does_not_beat_goes_on_up_to_the_number():
    heats = [heat("a", 0.50), heat("b", 0.30), heat("c", 0.499), heat("d", 0.498)]
    rows, through = standings(heats, keep=2)
    assert [row.strategy for row in rows] == ["a", "c", "d", "b"]
    assert [row.goes_on for row in rows] == [True, True, False, False]
    assert [each.entry.strategy for each in through] == ["a", "c"]
    assert rows[0].p_value is None
    assert rows[3].p_value == compare(heats[1].per_query, heats[0].per_query, MEASURE).p_value < 0.1


def test_only_the_best_goes_on_where_it_beats_all():
    _, through = standings([heat("a", 0.5), heat("b", 0.4), heat("c", 0.3)], keep=3)
    assert [each.entry.strategy for each in through] == ["a"]


@dataclass
class Scripted:
    """A track on which every entry has the mean that a function gives it."""

    mean: object
    doubtful: dict = field(default_factory=dict)
    broken: tuple = ()
    seconds_each: float = 10.0
    ran: list = field(default_factory=list)
    forgotten: set = field(default_factory=set)

    def run(self, entry):
        self.ran.append(entry)
        if entry.strategy in self.broken:
            raise DatasetError("no query has two answers")
        return heat(entry.strategy, self.mean(entry), rate=entry.rate, steps=entry.steps, seconds=self.seconds_each)

    def doubts(self, entry):
        return self.doubtful.get(entry.strategy, "")

    def seconds(self, entry):
        return self.seconds_each

    def forget(self, entry):
        self.forgotten.add(entry)


def race(track, *, limit_s=None, strategies=NAMES, rates=(3e-5, 9e-5), steps=20):
    speed = Speed(
        step=dict.fromkeys(strategies, 0.1),
        remine=dict.fromkeys(strategies, 0.0),
        start=3.0,
        mine=1.0,
        learn=1.0,
        look=5.0,
        wide=5.0,
        whole=5.0,
        asked=1.0,
    )
    stretches = (Stretch("know", "", 0, 0, 5.0),)
    schedule = Schedule(steps, tuple(strategies), rates, {}, stretches, grown=1.0, budget_s=limit_s)
    return Race(track, schedule, speed, Clock(limit_s, 5.0))


def worth(**means):
    """Rate 3e-5 is best for all; longer is better."""
    return lambda entry: means[entry.strategy] - 0.01 * abs(np.log(entry.rate / 3e-5)) + 0.0001 * entry.steps


EQUAL = worth(in_batch=0.50, mined_many=0.52, refresh_many=0.53, clustered_many=0.40, learned_many=0.41)


def test_rounds_are_fewer_and_longer():
    run = race(Scripted(EQUAL))
    finalists = run.run()
    assert [each.name for each in run.rounds] == ["rates", "strategies", "survivors", "tuning"]
    assert [len(each.standings) for each in run.rounds] == [3, 4, 3, 4]
    assert [{row.steps for row in each.standings} for each in run.rounds] == [{10}, {10}, {20}, {20, 40}]
    assert [each.entry.strategy for each in finalists] == ["refresh_many", "mined_many", "in_batch"]
    assert finalists[0].entry == Entry("refresh_many", 3e-5, 40)
    assert finalists[2].entry == Entry("in_batch", 3e-5, 40)


def test_the_rate_of_the_first_round_is_that_of_the_others():
    track = Scripted(lambda entry: 0.5 - 0.1 * abs(np.log(entry.rate / 9e-5)))
    race(track, rates=(9e-5, 2.7e-4)).run()
    others = {entry.rate for entry in track.ran if entry.strategy != "in_batch" and entry.steps == 10}
    assert others == {9e-5}


@pytest.mark.parametrize(("best", "further"), [(1.0, {2.7e-4, 8.1e-4}), (1e-9, {1e-5, 3.3e-6})])
def test_rates_beyond_the_ends_are_tried_where_the_best_lies_at_one(best, further):
    track = Scripted(lambda entry: 0.5 - 0.01 * abs(np.log(entry.rate / best)))
    race(track).run()
    assert {entry.rate for entry in track.ran if entry.strategy == "in_batch"} - {3e-5, 9e-5} == further


def test_in_batch_training_is_as_long_as_what_is_compared_with_it():
    for limit_s in range(60, 400, 10):
        run = race(Scripted(EQUAL), limit_s=float(limit_s))
        longest = {}
        for entry in run.heats if run.run() else ():
            longest[entry.strategy] = max(entry.steps, longest.get(entry.strategy, 0))
        assert min(20, max(longest.values())) <= longest["in_batch"]


def test_where_in_batch_training_beats_all_its_own_rates_are_tuned():
    run = race(Scripted(worth(in_batch=0.60, mined_many=0.4, refresh_many=0.4, clustered_many=0.4, learned_many=0.4)))
    finalists = run.run()
    assert {row.strategy for row in run.rounds[-1].standings} == {"in_batch"}
    assert finalists[0].entry == Entry("in_batch", 3e-5, 40)


def test_a_filter_that_cannot_tell_does_not_race():
    track = Scripted(EQUAL, doubtful={"learned_many": "it cannot tell"})
    run = race(track)
    run.run()
    assert run.left_out == {"learned_many": "it cannot tell"}
    assert "learned_many" not in {entry.strategy for entry in track.ran}


def test_a_strategy_that_fails_stops_no_other():
    run = race(Scripted(EQUAL, broken=("refresh_many",)))
    assert next(each.entry.strategy for each in run.run()) == "mined_many"
    assert run.left_out == {"refresh_many": "no query has two answers"}


def test_without_in_batch_training_there_is_no_race():
    with pytest.raises(DatasetError, match="no query has two answers"):
        race(Scripted(EQUAL, broken=("in_batch",))).run()


def test_it_ends_when_the_time_is_up_and_keeps_what_the_finish_needs():
    track = Scripted(EQUAL)
    run = race(track, limit_s=100.0)
    finalists = run.run()
    assert (
        run.clock.spent_s + run.schedule.finish_s(run.speed, finalists[0].entry.strategy, finalists[0].entry.steps)
        <= 100.0
    )
    assert finalists[-1].entry.strategy == "in_batch"
    assert run.left_out


@pytest.mark.parametrize(("limit_s", "steps"), [(300.0, 200), (175.0, 150), (145.0, 100), (100.0, None)])
def test_where_trainings_turn_out_to_be_slow_a_strategy_is_tried_with_fewer_steps(limit_s, steps):
    run = race(Scripted(EQUAL, seconds_each=40.0), limit_s=limit_s, strategies=NAMES[:2], rates=(3e-5,), steps=200)
    run.schedule = replace(run.schedule, first=200)
    run.run()
    assert next((entry.steps for entry in run.heats if entry.strategy == NAMES[1]), None) == steps
    survivors = next((each for each in run.rounds if each.name == "survivors"), None)
    assert steps is None or {(row.strategy, row.steps) for row in survivors.standings} == {
        (NAMES[0], 200),
        (NAMES[1], steps),
    }


def test_slow_trainings_count_at_the_pace_that_they_have():
    slow, fast = Scripted(EQUAL, seconds_each=40.0), Scripted(EQUAL, seconds_each=4.0)
    for track in (slow, fast):
        race(track, limit_s=200.0).run()
    assert len(slow.ran) < len(fast.ran)


@pytest.mark.parametrize("rates", [(3e-5,), (3e-5, 9e-5)])
def test_even_without_time_in_batch_training_is_tried(rates):
    run = race(Scripted(EQUAL), limit_s=1.0, rates=rates)
    assert [each.entry.strategy for each in run.run()] == ["in_batch"]
    assert [row.strategy for each in run.rounds for row in each.standings] == ["in_batch"]


def test_the_models_of_the_beaten_are_removed_and_those_of_finalists_kept():
    track = Scripted(EQUAL)
    finalists = race(track).run()
    assert track.forgotten.isdisjoint({each.entry for each in finalists})
    assert {entry for entry in track.ran if entry.strategy == "in_batch"} - track.forgotten == {finalists[-1].entry}


def test_rates_lie_threefold_apart():
    assert spread(0.03) == (0.03, 0.09)


def test_the_end_is_as_long_as_planned_or_longer_if_there_is_time():
    run = race(Scripted(EQUAL), limit_s=400.0)
    run.schedule = replace(run.schedule, last=30, enough=100)
    for limit_s, steps in ((None, 100), (run.clock.spent_s, 30)):
        run.clock = replace(run.clock, limit_s=limit_s)
        assert run.last_of(Entry("mined_many", 3e-5, 20)).steps == steps
    run.clock = replace(run.clock, limit_s=run.clock.spent_s + run._kept_free(Entry("mined_many", 3e-5, 70)))
    assert 60 <= run.last_of(Entry("mined_many", 3e-5, 20)).steps <= 70


def test_what_was_worse_for_longer_is_not_trained_for_longer_at_the_end():
    run = race(Scripted(EQUAL))
    run.schedule = replace(run.schedule, last=30, enough=100)
    run.heats = {Entry("mined_many", 3e-5, steps): None for steps in (20, 40)}
    assert run.last_of(Entry("mined_many", 3e-5, 20)).steps == 20
    assert run.last_of(Entry("mined_many", 3e-5, 40)).steps == 100


def test_a_winner_that_is_not_trained_anew_stays_as_it_is_unless_there_turns_out_to_be_time():
    run = race(Scripted(EQUAL), limit_s=150.0)
    run.schedule = replace(run.schedule, is_anew=False, enough=500)
    winner = run.run()[0].entry
    assert run.last_of(winner) == winner
    assert not run.is_trained_anew(winner)
    run.clock.limit_s = 1_000.0
    assert run.is_trained_anew(winner)
    assert run.last_of(winner) == winner


@pytest.mark.parametrize(("noise", "chosen"), [(0.4, 9e-5), (0.02, 3e-5)])
def test_a_rate_other_than_the_first_has_to_show_it(noise, chosen):
    """By .01 on 60 queries 3e-5 is ahead; that is next to nothing if queries differ by .4, and much if by .02."""
    run = race(Scripted(EQUAL), strategies=("in_batch",), rates=(9e-5, 2.7e-4))
    first, second, third = (
        Heat(Entry("in_batch", rate, 10), heat("in_batch", mean, steps=at, noise=noise).per_query, MEASURE, 1.0)
        for at, (rate, mean) in enumerate([(9e-5, 0.50), (2.7e-4, 0.49), (3e-5, 0.51)])
    )
    run.heats = {each.entry: each for each in (first, second, third)}
    assert max(run.heats.values(), key=run.believed).entry.rate == chosen
    assert run.believed(first) == first.mean
    longer = Heat(Entry("in_batch", 3e-5, 40), heat("in_batch", 0.52).per_query, MEASURE, 1.0)
    run.heats[longer.entry] = longer
    assert run.believed(longer) > run.believed(third)


def test_where_the_labels_reach_next_to_nothing_a_rate_has_to_show_more():
    """Sets differ in proportion to what can be had: .04 of .5 is much; .004 of .05, by as many queries, is not."""

    def chosen(scale):
        run = race(Scripted(EQUAL), strategies=("in_batch",), rates=(9e-5, 2.7e-4))
        heats = (
            Heat(
                Entry("in_batch", rate, 10),
                heat("in_batch", scale * mean, steps=at, noise=0.04).per_query,
                MEASURE,
                1.0,
            )
            for at, (rate, mean) in enumerate([(9e-5, 0.50), (2.7e-4, 0.54)])
        )
        run.heats = {each.entry: each for each in heats}
        return max(run.heats.values(), key=run.believed).entry.rate

    assert (chosen(1.0), chosen(0.1), chosen(0.0)) == (2.7e-4, 9e-5, 9e-5)


def test_the_table_of_rates_says_which_went_on_though_another_was_ahead_by_chance():
    track = Scripted(lambda entry: {9e-5: 0.50, 2.7e-4: 0.49, 3e-5: 0.501}.get(entry.rate, 0.40))
    track.run = lambda entry: Heat(
        entry, heat("in_batch", track.mean(entry), steps=round(entry.rate * 1e6), noise=0.4).per_query, MEASURE, 10.0
    )
    run = race(track, strategies=("in_batch",), rates=(9e-5, 2.7e-4))
    run.run()
    rows = run.rounds[0].standings
    assert rows[0].rate == 3e-5
    assert [row.rate for row in rows if row.goes_on] == [9e-5]
