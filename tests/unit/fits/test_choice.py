"""The winner of a race must hold on queries that the race never saw."""

import numpy as np
import polars as pl

from hardneg.fits.baselines import System
from hardneg.fits.choice import choose

RACE, FRESH = (pl.Series([f"{half}{at}" for at in range(100)]) for half in ("r", "f"))
MEASURE = "nDCG@10"


def system(name, *, race, fresh, spread=0.05):
    rng = np.random.default_rng(sum(map(ord, name)))
    noise = spread * rng.standard_normal(200)
    noise[:100] -= noise[:100].mean()
    noise[100:] -= noise[100:].mean()
    values = np.repeat([race, fresh], 100) + noise
    table = pl.DataFrame({"query_id": pl.concat([RACE, FRESH]), MEASURE: values})
    return System(name, table, pl.DataFrame())


def chosen(**means):
    systems = {name: system(name, race=race, fresh=fresh) for name, (race, fresh) in means.items()}
    trained = [name for name in systems if name != "zero_shot"]
    return choose(systems, trained, race=RACE, fresh=FRESH, measure=MEASURE, base="in_batch")


def test_the_leader_wins_where_fresh_queries_agree():
    choice = chosen(zero_shot=(0.40, 0.40), in_batch=(0.50, 0.50), mined_many=(0.53, 0.52))
    assert (choice.name, choice.leader) == ("mined_many", "mined_many")
    assert choice.duels[0].fresh.difference > 0
    assert [duel.against for duel in choice.duels] == ["in_batch", "zero_shot"]


def test_a_leader_that_was_lucky_loses_to_in_batch_training():
    choice = chosen(zero_shot=(0.40, 0.40), in_batch=(0.50, 0.50), mined_many=(0.505, 0.49))
    assert (choice.name, choice.leader) == ("in_batch", "mined_many")
    assert "not on fresh queries" in choice.reason


def test_a_leader_far_ahead_wins_though_fresh_queries_are_level():
    choice = chosen(zero_shot=(0.40, 0.40), in_batch=(0.50, 0.501), mined_many=(0.60, 0.50))
    assert choice.name == "mined_many"


def test_in_batch_training_wins_where_it_leads():
    choice = chosen(zero_shot=(0.40, 0.40), in_batch=(0.50, 0.50), mined_many=(0.49, 0.51))
    assert (choice.name, choice.reason) == ("in_batch", "nothing that was tried beats in-batch training")


def test_the_untrained_model_is_handed_over_where_no_training_beats_it():
    choice = chosen(zero_shot=(0.60, 0.60), in_batch=(0.50, 0.50), mined_many=(0.55, 0.55))
    assert choice.name == "zero_shot"
    assert choice.reason == "no training that was tried beats the model as it is"


def told_among(*, level, **means):
    """Choose where all documents are level as given, and random ones say something else."""
    systems = {name: system(name, race=race, fresh=fresh) for name, (race, fresh) in level.items()}
    asked = []

    def among(name):
        asked.append(name)
        return system(f"{name} among", race=means[name], fresh=means[name])

    trained = [name for name in systems if name != "zero_shot"]
    choice = choose(systems, trained, race=RACE, fresh=FRESH, measure=MEASURE, base="in_batch", among=among)
    return choice, asked


LEVEL = {"zero_shot": (0.051, 0.052), "in_batch": (0.05, 0.05)}


def test_random_documents_decide_between_training_and_none_where_all_documents_cannot():
    choice, _ = told_among(level=LEVEL, zero_shot=0.7, in_batch=0.8)
    assert (choice.name, choice.duels[0].is_told_among) == ("in_batch", True)
    assert "random ones do" in choice.reason
    choice, _ = told_among(level=LEVEL, zero_shot=0.8, in_batch=0.7)
    assert choice.name == "zero_shot"


def test_random_documents_that_cannot_tell_either_leave_it_to_fresh_queries():
    choice, _ = told_among(level=LEVEL, zero_shot=0.8, in_batch=0.801)
    assert (choice.name, choice.duels[0].is_told_among) == ("zero_shot", False)
    ahead = {"zero_shot": (0.05, 0.05), "in_batch": (0.05, 0.053)}
    choice, _ = told_among(level=ahead, zero_shot=0.8, in_batch=0.799)
    assert choice.name == "in_batch"


def test_random_documents_are_not_asked_where_all_documents_tell():
    level = {"zero_shot": (0.4, 0.4), "in_batch": (0.3, 0.3), "mined_many": (0.35, 0.35)}
    choice, asked = told_among(level=level, zero_shot=0.1, in_batch=0.9, mined_many=0.9)
    assert (choice.name, asked) == ("zero_shot", [])


def test_a_leader_that_is_behind_among_random_documents_loses_to_in_batch_training():
    level = {"zero_shot": (0.03, 0.03), "in_batch": (0.05, 0.05), "mined_many": (0.052, 0.051)}
    choice, _ = told_among(level=level, zero_shot=0.7, in_batch=0.9, mined_many=0.8)
    assert (choice.name, choice.leader) == ("in_batch", "mined_many")
    assert "not among random documents" in choice.reason
