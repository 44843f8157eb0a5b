import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardneg.search import words
from hardneg.search.words import RUNS, cut, cut_matches, cut_runs

# Letters, marks, digits and symbols of one to four bytes, among them what Python and Rust disagree about.
CHARACTERS = "ab1_ \t\n+-.'é\u00a0\u0301ßЖ中٣\u200d\u2028€👍\U0001d400🏽"
texts = st.lists(st.text(st.sampled_from(CHARACTERS), max_size=12), max_size=12)


@pytest.mark.parametrize("pattern", RUNS)
@given(texts=texts)
@settings(max_examples=60, deadline=None)
def test_runs_are_what_the_expression_finds(pattern, texts):
    column = pl.Series(texts, dtype=pl.String)
    fast, plain = cut_runs(column, RUNS[pattern]), cut_matches(column, pattern)
    assert fast.distinct == plain.distinct
    assert fast.word.tolist() == plain.word.tolist()
    assert fast.per_text.tolist() == plain.per_text.tolist()


def test_every_character_is_of_the_kind_that_the_expression_says():
    every = pl.Series([chr(point) for point in range(0x20000) if not 0xD800 <= point < 0xE000])
    for pattern in RUNS:
        fast, plain = cut_runs(every, RUNS[pattern]), cut_matches(every, pattern)
        assert fast.per_text.tolist() == plain.per_text.tolist()
        assert fast.distinct == plain.distinct


def test_more_words_than_there_is_room_for_at_first():
    names = [f"w{i}" for i in range(5 * words._WORDS)]
    found = cut(pl.Series([" ".join(names), " ".join(reversed(names))]), r"\w+")
    assert found.distinct == names
    assert found.word.tolist() == [*range(len(names)), *reversed(range(len(names)))]


def test_words_do_not_run_on_into_the_next_text():
    found = cut(pl.Series(["ab", "c", "", "ab"]), r"\w+")
    assert (found.distinct, found.word.tolist(), found.per_text.tolist()) == (["ab", "c"], [0, 1, 0], [1, 1, 0, 1])


def test_other_expressions_find_their_words_too():
    found = cut(pl.Series(["1.2 a", ""]), r"\d+\.\d+|[a-z]")
    assert (found.distinct, found.per_text.tolist()) == (["1.2", "a"], [2, 0])
