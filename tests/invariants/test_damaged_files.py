"""What somebody else may have written is read, or refused in one message; more of it in benchmarks/trust/fuzz.py."""

import random
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz_targets import NAMES, target
from fuzzing import attempt
from mutations import mutated

SLOW = {"reports of runs": 4, "folders of models": 6, "folders of runs": 15, "files of runs and labels": 25}
TRIES = 40


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_are_read_or_refused(name, place):
    sound = place / name.replace(" ", "-")
    sound.mkdir()
    chosen = target(name, sound)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(10_000_000, 10_000_000 + SLOW.get(name, TRIES)):
            outcome, detail = attempt(chosen, place / "input", number)
            assert outcome in ("read", "refused"), f"number {number}: {detail}"


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(), st.sampled_from(["replies of language models", "components on the command line", "names of models"]))
def test_so_is_any_text(tmp_path, text, name):
    chosen = target(name, tmp_path)
    (tmp_path / "text").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        chosen.read(tmp_path)
    except Exception as error:
        assert type(error).__module__ == "hardneg.errors", repr(error)  # noqa: PT017 - or nothing at all


@given(st.binary(max_size=200), st.integers(0, 2**32))
def test_a_number_says_how_a_file_is_changed(content, number):
    assert mutated(content, random.Random(number)) == mutated(content, random.Random(number))
