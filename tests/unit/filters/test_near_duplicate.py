import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.filters import NearDuplicate

LONG = " ".join(f"word{i}" for i in range(80))


@pytest.fixture
def copies() -> Dataset:
    """q0 is answered by d0; d1 lacks its last word, d2 has another in the middle, d3 is half of it."""
    texts = [
        LONG,
        LONG.rsplit(" ", 1)[0],
        LONG.replace("word40", "other"),
        LONG[: len(LONG) // 2],
        "",
        "find . -name x",
    ]
    return Dataset.from_tables(
        pl.DataFrame({"id": ["q0", "q1"], "text": ["which words?", "Which  WORDS?"]}),
        pl.DataFrame({"id": [f"d{i}" for i in range(6)], "text": texts}),
        pl.DataFrame({"query_id": ["q0"], "doc_id": ["d0"], "relevance": [1], "split": ["train"]}),
    )


def rows(query, documents):
    return pl.DataFrame({"query": [query] * len(documents), "document": documents}).cast(pl.Int32)


def test_small_changes_are_refused_and_large_ones_kept(copies):
    keep = NearDuplicate(threshold=0.9).keep(rows(0, [0, 1, 2, 3, 4, 5]), copies)
    assert keep.tolist() == [False, False, False, True, True, True]


def test_the_threshold_is_the_jaccard_similarity_of_the_shingles(copies):
    # 78 shingles; a changed word in the middle takes 3 away and adds 3: 75 / 81.
    assert not NearDuplicate(threshold=75 / 81).keep(rows(0, [2]), copies)[0]
    assert NearDuplicate(threshold=75 / 81 + 0.001).keep(rows(0, [2]), copies)[0]


def test_a_query_of_the_same_text_shares_the_positives(copies):
    assert not NearDuplicate().keep(rows(1, [1]), copies)[0]


def test_short_texts_are_near_duplicates_only_if_their_tokens_are_equal():
    dataset = Dataset.from_tables(
        pl.DataFrame({"id": ["q0"], "text": ["list"]}),
        pl.DataFrame({"id": ["d0", "d1", "d2"], "text": ["ls", "ls -l", "LS"]}),
        pl.DataFrame({"query_id": ["q0"], "doc_id": ["d0"], "relevance": [1], "split": ["train"]}),
    )
    assert NearDuplicate().keep(rows(0, [0, 1, 2]), dataset).tolist() == [False, True, False]


@pytest.mark.parametrize("values", [{"threshold": 0.0}, {"threshold": 1.1}, {"shingle_tokens": 0}])
def test_values_out_of_range_are_refused_when_it_is_made(values):
    with pytest.raises(RecipeError, match=next(iter(values))):
        NearDuplicate(**values)
