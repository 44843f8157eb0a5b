"""What a fit plans: it fits into its time, or says that it does not."""

import itertools
from dataclasses import replace

import pytest

from hardneg.fits.schedule import Schedule, Speed, plan_fit

NAMES = ("in_batch", "mined_many", "refresh_many", "clustered_many", "learned_many", "mined_filtered")


def speed(step=1.0, look=5.0, whole=20.0, asked=2.0):
    return Speed(
        step={name: step * (1 if name == "in_batch" else 3) for name in NAMES},
        remine={name: 20.0 if "refresh" in name else 0.0 for name in NAMES},
        start=3.0,
        mine=10.0,
        learn=30.0,
        look=look,
        wide=2 * look,
        whole=whole,
        asked=asked,
    )


def plan(minutes=None, *, steps=None, spent=30.0, epoch=40, epochs=4, all_race=False, **how):
    budget_s = None if minutes is None else minutes * 60
    return plan_fit(
        NAMES,
        (3e-5, 9e-5),
        speed(**how),
        spent=spent,
        epoch=epoch,
        epochs=epochs,
        grown=1.2,
        budget_s=budget_s,
        steps=steps,
        all_race=all_race,
    )


@pytest.mark.parametrize("minutes", [20, 30, 60, 240])
def test_a_plan_fits_into_its_time(minutes):
    planned = plan(minutes)
    assert planned.seconds <= minutes * 60
    assert planned.strategies[:2] == NAMES[:2]


def test_more_time_tries_more_or_trains_longer():
    plans = [plan(minutes) for minutes in (12, 20, 40, 80, 160)]
    for less, more in itertools.pairwise(plans):
        assert (len(more.strategies), more.steps) >= (len(less.strategies), less.steps) or more.steps > less.steps
    assert plans[-1].strategies == NAMES


def test_no_training_is_longer_than_the_epochs_of_the_effort():
    planned = plan(100_000, epochs=4)
    assert max(part.steps for part in planned.stretches if part.name != "finish") == 4 * 40


def test_steps_are_taken_as_they_are():
    planned = plan(steps=50)
    assert (planned.steps, planned.strategies, planned.budget_s) == (50, NAMES, None)


def test_with_too_little_time_the_least_is_planned_and_what_is_left_out_is_named():
    planned = plan(1)
    assert planned.strategies == ("in_batch",)
    assert planned.seconds > 60
    assert set(planned.left_out) == set(NAMES[1:])


def test_without_time_for_a_race_in_batch_training_is_planned_then_a_race_before_rates_are_tried():
    short, longer, raced = (plan(minutes, step=1.5) for minutes in (3, 5, 30))
    assert (short.strategies, len(short.rates)) == (("in_batch",), 1)
    assert [part.name for part in short.stretches] == ["know", "survivors", "tuning", "choice", "finish"]
    assert short.rates == (3e-5,)
    assert (longer.strategies, len(longer.rates)) == (NAMES[:2], 1)
    assert raced.strategies[:2] == NAMES[:2]
    assert len(raced.rates) == 2
    assert raced.last == 80


def test_where_time_is_short_the_race_has_one_round_and_the_end_is_longer():
    once, twice = plan(10, whole=90.0), plan(13)
    assert (once.half, once.steps, once.last) == (20, 20, 60)
    assert [part.name for part in once.stretches] == ["know", "rates", "strategies", "tuning", "choice", "finish"]
    assert (twice.half, twice.steps, twice.last) == (40, 80, 80)


def test_where_there_is_no_time_for_a_training_more_the_winner_is_handed_over_as_it_was_raced():
    how = speed(whole=90.0)
    anew, raced = (plan(minutes, whole=90.0) for minutes in (60, 16))
    assert (anew.is_anew, raced.is_anew) == (True, False)
    assert raced.last == raced.steps
    assert (raced.is_choice_whole, raced.with_base) == (True, True)
    last = raced.stretches[-1]
    assert (last.name, last.trainings, last.steps) == ("finish", 0, 0)
    # All documents were encoded for the choice; what is left are the test's queries, by the model as it is too.
    assert last.seconds == raced.finish_s(how, "mined_many", 80) == 3 * how.asked
    small = replace(raced, is_choice_whole=False)
    assert small.finish_s(how, "mined_many", 80) == 3 * how.asked + 2 * how.whole
    assert replace(raced, with_base=False).finish_s(how, "mined_many", 80) == 2 * how.asked


def test_the_seconds_of_a_stretch_are_those_of_its_trainings():
    planned, how = plan(steps=50), speed()
    by_name = {part.name: part for part in planned.stretches}
    assert by_name["rates"].seconds == 3 * (3 + 25 * 1.0 + 5)
    others = [how.trial(name, 25) for name in NAMES[1:]]
    assert by_name["strategies"].seconds == pytest.approx(10 + 30 + sum(others))
    assert by_name["survivors"].trainings == 4


def test_what_is_dear_is_left_out_where_cheap_strategies_can_then_be_trained_whole():
    dear = {"mined_many", "refresh_many", "clustered_many", "learned_many"}
    steps = {name: 6.0 if name in dear else 1.5 if name == "mined_filtered" else 1.0 for name in NAMES}
    how = replace(speed(), step=steps)
    more = {"epoch": 40, "epochs": 4, "grown": 1.2, "steps": None, "spent": 30.0}
    short, long = (plan_fit(NAMES, (3e-5, 9e-5), how, budget_s=60.0 * each, **more) for each in (12, 60))
    assert short.strategies == ("in_batch", "mined_filtered")
    assert short.steps >= 40
    assert set(short.left_out) == dear
    assert long.strategies == NAMES


def test_a_set_whose_epoch_is_longer_than_the_time_is_raced_by_short_trainings():
    steps = {name: 1.5 if name == "mined_filtered" else 1.0 if name == "in_batch" else 6.0 for name in NAMES}
    how = replace(speed(), step=steps)
    rest = {"epochs": 4, "grown": 1.2, "steps": None, "spent": 30.0, "budget_s": 600.0}
    large = plan_fit(NAMES, (3e-5, 9e-5), how, epoch=2_000, **rest)
    assert large.strategies == ("in_batch", "mined_filtered")
    assert 32 <= large.half <= 120


def test_a_plan_is_read_back_as_it_was_written():
    planned = plan(60)
    assert Schedule.from_dict(planned.as_dict()) == planned


@pytest.mark.parametrize("minutes", [3, 10])
def test_strategies_that_were_named_are_all_planned_however_short(minutes):
    assert plan(minutes).strategies != NAMES
    assert plan(minutes, all_race=True).strategies == NAMES


def test_where_reading_all_documents_is_dear_it_is_read_less_often_rather_than_race_less():
    cheap, dear = plan(15, whole=5.0), plan(8, whole=90.0)
    assert (cheap.is_choice_whole, cheap.with_base) == (True, True)
    assert (dear.is_choice_whole, dear.with_base) == (False, False)
    assert dear.seconds <= 10 * 60
    assert "small corpus" in next(part.about for part in dear.stretches if part.name == "choice")
    assert plan(240, whole=90.0).is_choice_whole
    assert plan(steps=50, whole=90.0).is_choice_whole
