import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.domains import DuplicateCode
from hardneg.errors import DatasetError, RecipeError


@pytest.fixture
def code() -> Dataset:
    """q0 is answered by d0, q1 by d4, which is trivial; d1 is a clone of d0, d2 a trivial override of its name."""
    documents = pl.DataFrame(
        {
            "id": [f"d{i}" for i in range(6)],
            "text": [f"def f{i}" for i in range(6)],
            "ast_hash": ["a", "a", "b", None, "c", None],
            "symbol": ["read", "load", "read", "read", "close", "close"],
            "trivial": [False, False, True, False, True, False],
        }
    )
    return Dataset.from_tables(
        pl.DataFrame({"id": ["q0", "q1", "q2"], "text": ["Read it.", "close it", "read  IT."]}),
        documents,
        pl.DataFrame({"query_id": ["q0", "q1"], "doc_id": ["d0", "d4"], "relevance": [1, 1], "split": ["train"] * 2}),
        name="code",
    )


def kept(dataset, query, **settings):
    rows = pl.DataFrame({"query": [query] * 6, "document": range(6)}).cast(pl.Int32)
    return DuplicateCode(**settings).keep(rows, dataset).tolist()


def test_clones_and_trivial_overrides_of_a_positive_are_refused(code):
    assert kept(code, 0) == [False, False, False, True, True, True]


def test_what_overrides_a_trivial_positive_is_refused(code):
    assert kept(code, 1) == [True, True, True, True, False, False]


def test_a_query_of_the_same_text_shares_the_positives(code):
    assert kept(code, 2) == kept(code, 0)


def test_clones_alone_can_be_looked_for(code):
    assert kept(code, 0, trivial=None) == [False, False, True, True, True, True]


def test_a_column_that_is_missing_or_no_truth_value_is_named(code):
    with pytest.raises(
        RecipeError, match="duplicate_code: column names the column 'hash', which the documents of code"
    ):
        kept(code, 0, column="hash")
    with pytest.raises((RecipeError, DatasetError), match="trivial names 'symbol', which holds String"):
        kept(code, 0, trivial="symbol")
