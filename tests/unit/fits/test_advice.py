"""What would help next names what there was no time for, and nothing that raced."""

import pytest

from hardneg.fits.advice import next_steps

MEASURE = "nDCG@10"


@pytest.fixture
def found():
    def row(value):
        return {MEASURE: {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 2_000}}

    def standing(strategy, steps):
        return {"strategy": strategy, "steps": steps}

    return {
        "measure": MEASURE,
        "test": {"rows": {name: row(value) for name, value in (("bm25", 0.3), ("in_batch", 0.5))}},
        "choice": {"strategy": "in_batch"},
        "development": {"queries": {"race": 500, "fresh": 500}, "weights": {}},
        "counts": {"mean_positives": 2.0},
        "findings": [],
        "rounds": [{"name": "survivors", "standings": [standing("in_batch", 96), standing("mined_filtered", 96)]}],
        "left_out": {"mined_many": "there is no time for it", "in_batch": "there was no time for 192 steps of it"},
        "schedule": {"steps": 96},
    }


def test_more_time_is_advised_for_what_did_not_race(found):
    advised = {each.what: each.why for each in next_steps(found, folder="runs/fit")}
    assert advised["give it more time: --minutes, or --thorough"] == "there was no time for mined_many"


def test_more_time_is_not_advised_where_all_raced(found):
    del found["left_out"]["mined_many"]
    assert not any("more time" in each.what for each in next_steps(found, folder="runs/fit"))
    found["rounds"].append({"name": "tuning", "standings": [{"strategy": "in_batch", "steps": 192}]})
    assert "train for longer: --minutes, or --steps" in {each.what for each in next_steps(found, folder="runs/fit")}
