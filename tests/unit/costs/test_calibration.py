import pytest

from hardneg.costs import Sizes, Texts, Trials, calibration
from hardneg.errors import InputError, RunError

TEXTS = Texts(["one two three", "two four"], ["two", "four three"], "toy")
TINY = Sizes(documents=16, queries=8, seconds=0.01, steps=3)
GIVEN = {"sources": ["vectors"], "dim": 8, "depth": 3, "per_query": 1, "queries": 4, "documents": 16}
GIVEN |= {"products": 0, "encoded": False}


@pytest.fixture
def here(monkeypatch):
    """Count trials instead of doing them; the first one compiles."""
    asked = []

    def run(state, texts):
        asked.append(state["trial"])
        return {"seconds": len(asked), "compiled": len(asked) == 1}

    monkeypatch.setattr(calibration, "_in_process", run)
    return asked


def test_a_trial_is_done_once_when_all_is_compiled(here, tmp_path):
    first = Trials(tmp_path, TEXTS, sizes=TINY).trial("mining", GIVEN)
    again = Trials(tmp_path, TEXTS, sizes=TINY).trial("mining", GIVEN)
    assert here == ["mining"] * 2
    assert first == again == {"seconds": 2}


def test_it_is_done_again_if_asked_or_if_anything_differs(here, tmp_path, monkeypatch):
    here.append("what compiles")
    Trials(tmp_path, TEXTS, sizes=TINY).trial("mining", GIVEN)
    Trials(tmp_path, TEXTS, sizes=TINY, again=True).trial("mining", GIVEN)
    Trials(tmp_path, TEXTS, sizes=TINY).trial("mining", GIVEN | {"depth": 4})
    monkeypatch.setattr(calibration, "identity", lambda: {"cpu": "another"})
    Trials(tmp_path, TEXTS, sizes=TINY).trial("mining", GIVEN)
    assert len(here) == 5


def test_a_trial_of_mining_counts_what_its_own_process_does(tmp_path):
    found = Trials(tmp_path, TEXTS, sizes=TINY).trial("mining", GIVEN)
    assert set(found) == {"start_s", "read", "vectors", "filters", "block_bytes"}
    assert found["start_s"] > 0
    assert all(found[stage]["memory_gb"] > 0 for stage in ("read", "vectors", "filters"))


def test_a_refusal_in_the_other_process_is_one_here(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        Trials(tmp_path, TEXTS, sizes=TINY).trial("encoding", {"model": "/no/model", "max_tokens": None})
    assert not list(tmp_path.iterdir())


def test_a_trial_that_breaks_off_says_why(tmp_path):
    with pytest.raises(RunError, match="broke off: its process ended with status 1: KeyError: 'teacher'; leave"):
        Trials(tmp_path, TEXTS, sizes=TINY).trial("scoring", {})
