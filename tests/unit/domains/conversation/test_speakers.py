import polars as pl
import pytest

from hardneg.domains.conversation.speakers import with_speakers
from hardneg.errors import DatasetError


def spoken(history, turns=("And then?",)):
    written, rule = with_speakers(pl.Series("history", history), pl.Series(list(turns) * len(history)))
    return written.to_list(), rule


def test_plain_texts_are_said_by_turns_and_the_user_begins():
    found, rule = spoken([["Who?", "An engineer.", "When?", "In 1900."], []])
    assert found == [["user: Who?", "assistant: An engineer.", "user: When?", "assistant: In 1900."], []]
    assert rule == "user and assistant by turns, the user first"


def test_histories_of_what_the_user_said_alone_are_the_users():
    questions = ["Who?", "When?", "Where?"]
    written, rule = with_speakers(pl.Series([questions[:n] for n in range(3)]), pl.Series(questions))
    assert written.to_list()[2] == ["user: Who?", "user: When?"]
    assert rule == "the user alone"


@pytest.mark.parametrize("turns", [["user: Who?", "assistant: Ann."], ["customer: Who?", "clerk: Ann: yes."]])
def test_turns_with_speakers_stay_as_they_are(turns):
    assert spoken([turns]) == ([turns], "named at each turn")


def test_a_colon_in_a_plain_text_is_no_speaker():
    assert spoken([["Who?", "Note: nobody knows."]])[0] == [["user: Who?", "assistant: Note: nobody knows."]]


def test_histories_that_are_all_empty_or_missing_are_lists_of_texts():
    for history in ([[], []], [[], None]):
        assert with_speakers(pl.Series("history", history), pl.Series(["a", "b"]))[0].to_list() == [[], []]


def test_an_answer_that_is_missing_keeps_its_place():
    assert spoken([["Who?", "", "When?", None]])[0] == [["user: Who?", None, "user: When?", None]]


@pytest.mark.parametrize(
    "history",
    [
        [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Ann."}],
        [{"from": "human", "value": "Who?"}, {"from": "agent", "value": "Ann."}],
        [["Who?", "Ann."]],
    ],
)
def test_messages_and_pairs_become_turns(history):
    assert spoken([history])[0] == [["user: Who?", "assistant: Ann."]]


def test_what_is_no_list_of_turns_is_refused():
    with pytest.raises(DatasetError, match="the column 'history' holds String, not lists of texts"):
        spoken(["Who?"])
    with pytest.raises(DatasetError, match="has no speaker"):
        spoken([[{"content": "Who?"}]])
