import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.domains.conversation.places import placed
from hardneg.domains.conversation.speakers import with_speakers


def turns(*conversations, name=None, answers=True):
    """Queries of conversations that are lists of questions, answered by "(question)"."""
    rows = []
    for number, questions in enumerate(conversations, start=1):
        for turn, question in enumerate(questions, start=1):
            before = [text for each in questions[: turn - 1] for text in ([each, f"({each})"] if answers else [each])]
            rows.append({"id": name(number, turn) if name else f"q{len(rows)}x", "text": question, "history": before})
    table = pl.DataFrame(rows, schema={"id": pl.String, "text": pl.String, "history": pl.List(pl.String)})
    return table.with_columns(with_speakers(table["history"], table["text"])[0])


def groups(queries):
    found = placed(queries)[0]
    return [set(part["id"]) for part in found.partition_by("conversation_id", maintain_order=True)]


BRIDGE, TUNNEL = ("Who built it?", "How long?", "How high?"), ("Who dug it?", "How long?")


@pytest.mark.parametrize("answers", [True, False])
def test_turns_of_one_conversation_are_together_and_in_order(answers):
    queries = turns(BRIDGE, TUNNEL, answers=answers)
    assert groups(queries) == [{"q0x", "q1x", "q2x"}, {"q3x", "q4x"}]
    found, mapping = placed(queries)
    assert found["turn"].to_list() == ([1, 3, 5, 1, 3] if answers else [1, 2, 3, 1, 2])
    assert ("conversation_id", "what the histories share") in mapping.fields


def test_without_their_first_turns_conversations_that_begin_alike_stay_apart():
    queries = turns(("Hello", *BRIDGE), ("Hello", *TUNNEL)).filter(pl.col("text") != "Hello")
    assert groups(queries) == [{"q1x", "q2x", "q3x"}, {"q5x", "q6x"}]


def test_a_greeting_of_the_assistant_joins_nothing():
    queries = turns(BRIDGE, TUNNEL)
    greeting = pl.lit(["assistant: Hello, how can I help?"], pl.List(pl.String))
    assert groups(queries.with_columns(history=pl.concat_list(greeting, "history"))) == groups(queries)


@pytest.mark.parametrize(
    "name",
    [
        lambda conversation, turn: f"{conversation}_{turn}",
        lambda conversation, turn: f"{30 + conversation}_{turn}",
        lambda conversation, turn: f"dd6b6ffd{conversation}<::>{turn}",
        lambda conversation, turn: f"TRAIN_dialog-{conversation}_turn_{turn}",
    ],
    ids=["QReCC", "CAsT", "MT-RAG", "words"],
)
def test_ids_tell_apart_conversations_that_begin_with_the_same_question(name):
    queries = turns(BRIDGE, ("Who built it?", "Is it old?"), name=name)
    assert groups(queries) == [{name(1, n) for n in (1, 2, 3)}, {name(2, n) for n in (1, 2)}]
    assert dict(placed(queries)[1].fields)["conversation_id"].startswith(f"id ({name(1, 1)} is of conversation")


def test_without_such_ids_they_count_as_one_and_that_is_said():
    queries = turns(BRIDGE, ("Who built it?", "Is it old?"))
    assert len(groups(queries)) == 1
    assert placed(queries)[1].notes[0].startswith("2 queries have the history and the text of another")


@pytest.mark.parametrize(
    "name",
    [
        lambda conversation, turn: f"q_{3 * conversation + turn}",  # numbered through: turn 1 comes after turn 3
        lambda conversation, turn: f"{turn}_{conversation}",  # the other way round
        lambda conversation, turn: f"doc{conversation + turn % 2}_{turn}",  # numbers of documents
    ],
)
def test_ids_that_the_histories_contradict_are_not_believed(name):
    queries = turns(BRIDGE, TUNNEL, name=name)
    assert groups(queries) == [{name(1, n) for n in (1, 2, 3)}, {name(2, n) for n in (1, 2)}]


def test_columns_that_say_it_are_taken_over():
    queries = turns(BRIDGE, ("Who built it?", "Is it old?"))
    given_columns = queries.with_columns(Conversation_no=pl.Series([1, 1, 1, 2, 2]), Turn_no=pl.Series([1, 2, 3, 1, 2]))
    found, mapping = placed(given_columns)
    assert found["conversation_id"].to_list() == [1, 1, 1, 2, 2]
    assert found["turn"].to_list() == [1, 2, 3, 1, 2]
    assert mapping.fields == (("conversation_id", "Conversation_no"), ("turn", "Turn_no"))
    own = placed(queries.with_columns(conversation_id=pl.lit("c")))[0]
    assert own["conversation_id"].to_list() == ["c"] * 5
    assert own["turn"].to_list() == [1, 3, 5, 1, 3]


@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5), data=st.data())
def test_conversations_are_found_in_any_order_of_rows_with_and_without_ids(sizes, data):
    conversations = [[f"c{number} t{turn}?" for turn in range(size)] for number, size in enumerate(sizes)]
    for name in (None, lambda conversation, turn: f"{conversation}_{turn}"):
        queries = turns(*conversations, name=name)
        order = data.draw(st.permutations(range(queries.height)))
        found = placed(queries[list(order)])[0]
        together = found.group_by("conversation_id").agg(pl.col("text").str.head(2).unique(), pl.len())
        assert together["text"].list.len().to_list() == [1] * len(sizes)
        assert sorted(together["len"]) == sorted(sizes)
