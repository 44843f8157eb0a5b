from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.data.dataset import Dataset
from hardneg.data.query_form import QueryForm, form_of, in_form, query_texts_in
from hardneg.errors import DatasetError

TURNS = ["user: A hotel in the west?", "assistant: The Hobsons House is there.", "user: Has it parking?"]


def dataset(**columns) -> Dataset:
    queries = pl.DataFrame({"id": ["q0", "q1"], "text": ["Are the rooms clean?", "Is it far?"], **columns})
    return Dataset.from_tables(
        queries,
        pl.DataFrame({"id": ["d0"], "text": ["clean rooms"]}),
        pl.DataFrame({"query_id": ["q0", "q1"], "doc_id": ["d0", "d0"], "relevance": 1, "split": ["train", "test"]}),
        name="talk",
    )


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("last", "Are the rooms clean?"),
        ("last_turns(k=1)", "Are the rooms clean?"),
        ("last_turns(k=2)", "Are the rooms clean? | user: Has it parking?"),
        ("last_turns(3)", "Are the rooms clean? | user: Has it parking? | assistant: The Hobsons House is there."),
        ("history", "Are the rooms clean? | user: Has it parking? | " + TURNS[1] + " | " + TURNS[0]),
        ("last_turns(k=99)", "Are the rooms clean? | user: Has it parking? | " + TURNS[1] + " | " + TURNS[0]),
    ],
)
def test_the_current_turn_comes_first_and_the_latest_of_the_others_next(form, expected):
    written = in_form(dataset(history=[TURNS, None]), form)
    assert written.query_texts.to_list() == [expected, "Is it far?"]
    assert form_of(written) == str(QueryForm.parse(form))


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="|"), min_size=1), max_size=6),
        min_size=2,
        max_size=2,
    ),
    st.lists(st.sampled_from(["last", "last_turns(k=2)", "last_turns(k=3)", "history"]), min_size=1, max_size=4),
)
def test_a_form_does_not_depend_on_the_forms_before_it(histories, forms):
    plain = dataset(history=pl.Series(histories, dtype=pl.List(pl.String)))
    changed = plain
    for form in forms:
        changed = in_form(changed, form)
    assert changed.query_texts.equals(in_form(plain, forms[-1]).query_texts)
    assert in_form(changed, "last").query_texts.equals(plain.query_texts)


def test_a_cut_at_the_end_takes_the_oldest_turns_first():
    """Each shorter form is the beginning of the longer one, so a token limit never takes the question."""
    talk = dataset(history=[TURNS, TURNS[:1]])
    texts = [query_texts_in(talk, f"last_turns(k={k})") for k in range(1, 6)]
    for shorter, longer in pairwise(texts):
        assert all(after.startswith(before) for before, after in zip(shorter, longer, strict=True))


def test_a_given_rewrite_takes_the_place_of_the_turns():
    talk = dataset(history=[TURNS, []], rewrite=["Are the rooms of the Hobsons House clean?", "Is it far?"])
    assert in_form(talk, "rewrite").query_texts[0] == "Are the rooms of the Hobsons House clean?"


def test_a_query_without_a_rewrite_is_named():
    with pytest.raises(DatasetError, match=r"'rewrite' for each query of talk; 1 have none, such as 'q1'"):
        in_form(dataset(history=[TURNS, []], rewrite=["x", " "]), "rewrite")


def test_a_missing_column_is_named_with_those_that_are_there():
    with pytest.raises(DatasetError, match=r"needs the column 'history', which the queries of talk lack .*: topic\)"):
        in_form(dataset(topic=["a", "b"]), "history")
    with pytest.raises(DatasetError, match="holds String, not lists of texts"):
        in_form(dataset(history=["a", "b"]), "history")


@pytest.mark.parametrize("form", ["", "first", "last_turns", "last_turns(k=0)", "history(k=3)"])
def test_an_unknown_form_is_refused_with_those_there_are(form):
    with pytest.raises(DatasetError, match=r"write last, last_turns\(k=3\), history or rewrite"):
        QueryForm.parse(form)


def test_the_form_of_a_dataset_is_what_its_text_is():
    assert form_of(dataset()) is None
    assert query_texts_in(dataset(), "last").equals(dataset().query_texts)
    assert form_of(dataset(history=[TURNS, []])) == "last"
    assert form_of(dataset(query_form=["history", "history"])) == "history"
    with pytest.raises(DatasetError, match="several forms"):
        form_of(dataset(query_form=["history", "last"]))
