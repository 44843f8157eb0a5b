"""Answers of earlier turns are candidates, those of later turns are not, against a plain double loop."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.data.dataset import Dataset
from hardneg.domains import EarlierTurns, LaterTurns
from hardneg.errors import DatasetError, RecipeError
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.sources import BM25, identity

TALK = [("a", 1), ("a", 3), ("a", 5), ("b", 1)]


def talk(places=TALK, labels=((0, 0), (1, 1), (2, 2), (2, 1), (3, 3)), **columns) -> Dataset:
    n = len(places)
    queries = {
        "id": [f"q{i}" for i in range(n)],
        "text": [f"question {i}" for i in range(n)],
        "conversation_id": [name for name, _ in places],
        "turn": [turn for _, turn in places],
        **columns,
    }
    return Dataset.from_tables(
        pl.DataFrame({name: values for name, values in queries.items() if values is not None}),
        pl.DataFrame({"id": [f"d{i}" for i in range(8)], "text": [f"answer {i}" for i in range(8)]}),
        pl.DataFrame(
            {
                "query_id": [f"q{query}" for query, _ in labels],
                "doc_id": [f"d{document}" for _, document in labels],
                "relevance": 1,
                "split": "train",
            }
        ),
        name="talk",
    )


def found(dataset: Dataset, depth: int = 9) -> list[tuple[int, int, int]]:
    table = EarlierTurns().retrieve(dataset, np.arange(dataset.n_queries, dtype=np.int32), depth)
    return table.select("query", "document", "rank").rows()


def refused(dataset: Dataset) -> set[tuple[int, int]]:
    query, document = (part.ravel() for part in np.mgrid[: dataset.n_queries, : dataset.n_documents].astype(np.int32))
    keep = LaterTurns().keep(pl.DataFrame({"query": query, "document": document}), dataset)
    return {(int(q), int(d)) for q, d in zip(query[~keep], document[~keep], strict=True)}


def test_answers_of_the_turn_just_before_come_first_and_no_later_ones_at_all():
    assert found(talk()) == [(1, 0, 1), (2, 0, 1)]  # d1 answers the third turn too
    assert found(talk(labels=((0, 0), (1, 1), (2, 2)))) == [(1, 0, 1), (2, 1, 1), (2, 0, 2)]


def test_answers_of_later_turns_are_refused_whoever_found_them():
    assert refused(talk()) == {(0, 1), (0, 2), (1, 1), (1, 2)}


places = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4)), min_size=1, max_size=6)


@given(places, st.data())
def test_sources_and_filter_agree_with_a_double_loop(placed, data):
    labels = data.draw(
        st.lists(st.tuples(st.integers(0, len(placed) - 1), st.integers(0, 7)), min_size=1, max_size=10, unique=True)
    )
    dataset = talk(placed, labels)
    before, after = set(), set()
    for mine, (conversation, turn) in enumerate(placed):
        for other, document in labels:
            if placed[other][0] == conversation and placed[other][1] < turn and (mine, document) not in labels:
                before.add((mine, document))
            if placed[other][0] == conversation and placed[other][1] > turn:
                after.add((mine, document))
    assert {(query, document) for query, document, _ in found(dataset)} == before
    assert refused(dataset) == after


def test_depth_bounds_the_candidates_of_a_query_and_the_block_does_not_matter():
    dataset = talk(labels=((0, 0), (1, 1), (2, 2), (3, 3)))
    assert found(dataset, depth=1) == [(1, 0, 1), (2, 1, 1)]
    alone = EarlierTurns().retrieve(dataset, np.array([2], dtype=np.int32), 9)
    assert alone.select("document", "rank").rows() == [(1, 1), (0, 2)]


@pytest.mark.parametrize("part", [EarlierTurns(), LaterTurns()])
def test_what_is_missing_is_named_before_anything_is_mined(part):
    sources, filters = ([part], []) if isinstance(part, EarlierTurns) else ([BM25()], [part])
    plan = Plan("train", sources, filters, Selection(), 10, 0)
    with pytest.raises(
        RecipeError, match=f"{part.name} reads the column 'turn', which the queries of talk do not have"
    ):
        plan.check(talk(turn=None))
    with pytest.raises(DatasetError, match=r"2 of 4 queries of talk have no 'conversation_id', the first: 'q1', 'q3'"):
        plan.check(talk(conversation_id=["a", None, "a", None]))
    with pytest.raises(DatasetError, match="'turn' of talk holds String, not numbers"):
        plan.check(talk(turn=["1", "2", "3", "4"]))


def test_another_order_of_the_turns_is_another_plan():
    assert identity(EarlierTurns(), talk()) != identity(EarlierTurns(), talk(turn=[1, 5, 3, 1]))


def test_labels_of_the_mined_split_alone_are_looked_at():
    plan = Plan("dev", [EarlierTurns()], [], Selection(), 10, 0)
    with pytest.raises(RecipeError, match="reads the labels of split 'train', but 'dev' is mined"):
        plan.check(talk())
