import pytest

from hardneg.errors import InputError, RunError
from hardneg.forecast import Calibration, Sizes, Texts, calibration

TEXTS = Texts(["one two three", "two four"], ["two", "four three"], "toy")
TINY = Sizes(queries=8, vectors=1_024, indexed=16, mined=16, seconds=0.01, steps=3)


@pytest.fixture
def here(monkeypatch):
    """Do trials in this process, and count them."""
    from hardneg.forecast.trials import TRIALS

    asked = []

    def run(state, texts):
        asked.append(state["trial"])
        return TRIALS[state["trial"]](texts, state["given"], Sizes(**state["sizes"]))

    monkeypatch.setattr(calibration, "_in_process", run)
    return asked


def test_a_trial_is_done_once(here, tmp_path):
    given = {"dim": 8, "depth": 3}
    first = Calibration(tmp_path, TEXTS, sizes=TINY).trial("vectors", given)
    again = Calibration(tmp_path, TEXTS, sizes=TINY).trial("vectors", given)
    assert here == ["vectors"]
    assert [n for n, _ in first["query_s"]] == [n for n, _ in again["query_s"]] == [256, 1_024]


def test_it_is_done_again_if_asked_or_if_anything_differs(here, tmp_path, monkeypatch):
    given = {"dim": 8, "depth": 3}
    Calibration(tmp_path, TEXTS, sizes=TINY).trial("vectors", given)
    Calibration(tmp_path, TEXTS, sizes=TINY, again=True).trial("vectors", given)
    Calibration(tmp_path, TEXTS, sizes=TINY).trial("vectors", given | {"depth": 4})
    monkeypatch.setattr(calibration, "identity", lambda: {"cpu": "another"})
    Calibration(tmp_path, TEXTS, sizes=TINY).trial("vectors", given)
    assert len(here) == 4


def test_a_refusal_in_the_other_process_is_one_here(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        Calibration(tmp_path, TEXTS, sizes=TINY).trial("encoding", {"model": "/no/model", "max_tokens": None})
    assert not list(tmp_path.iterdir())


def test_a_trial_that_breaks_off_says_why(tmp_path):
    with pytest.raises(RunError, match="trying vectors broke off: KeyError: 'dim'"):
        Calibration(tmp_path, TEXTS, sizes=TINY).trial("vectors", {})
