import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.filters import Empty, QueryItself, apply_filters
from hardneg.negatives import Selection
from hardneg.pipeline.mining import mine
from hardneg.sources import Random


def dataset(texts, titles=None, queries=("ban the cars", "open at nine"), relevance=(1, 1)):
    documents = pl.DataFrame({"id": [f"d{i}" for i in range(len(texts))], "text": texts})
    if titles is not None:
        documents = documents.with_columns(title=pl.Series(titles))
    return Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(len(queries))], "text": queries}),
        documents,
        pl.DataFrame(
            {"query_id": ["q0", "q1"], "doc_id": ["d0", "d1"], "relevance": relevance, "split": ["train"] * 2}
        ),
    )


def every_pair(data):
    pairs = [(query, document) for query in range(data.n_queries) for document in range(data.n_documents)]
    return pl.DataFrame(pairs, schema={"query": pl.Int32, "document": pl.Int32}, orient="row")


def dropped(data):
    return apply_filters(every_pair(data), data, []).rows_by_key("query", named=True)


def test_the_querys_own_text_is_refused_with_and_without_a_title():
    texts = ["shops would suffer", "we open at nine", "Ban  the CARS", "ban the cars", "the cars", "ban the bus"]
    data = dataset(texts, titles=["", "", "", "Traffic", "Ban", None])
    verdicts = [row["dropped_by"] for row in dropped(data)[0]]
    assert verdicts == ["known_positives", None, "query_itself", "query_itself", "query_itself", None]
    assert [row["dropped_by"] for row in dropped(data)[1]] == [None, "known_positives", None, None, None, None]


def test_a_labelled_positive_of_the_same_text_stays_a_positive():
    data = dataset(["ban the cars", "we open at nine"])
    assert [row["dropped_by"] for row in dropped(data)[0]] == ["known_positives", None]


@pytest.mark.parametrize(
    "blank", ["", "  ", "\n\t", "\u00a0\u3000", "\u200b\ufeff", "\u3164", "\ufe0f\u2800", r"\n", r"\r\n \t"]
)
def test_an_empty_document_is_refused_for_every_query(blank):
    data = dataset(["shops", "we open", blank, "N/A", "…", "👍"])
    for rows in dropped(data).values():
        assert [row["dropped_by"] == "empty" for row in rows] == [False, False, True, False, False, False]


def test_a_title_makes_a_document():
    data = dataset(["shops", "we open", "", ""], titles=["", "", "Prices", " "])
    assert Empty().keep(every_pair(data), data).tolist() == [True, True, True, False] * 2


def test_an_empty_query_repeats_no_document():
    data = dataset(["shops", "we open", ""], queries=("", "open at nine"))
    assert QueryItself().keep(every_pair(data), data).all()


def test_a_judged_document_of_the_same_text_is_refused_too():
    data = dataset(["ban the cars", "we open at nine"], relevance=(0, 1))
    assert [row["dropped_by"] for row in dropped(data)[0]] == ["query_itself", None]


@pytest.mark.parametrize("shortage", ["keep_short", "fill_random"])
def test_neither_is_ever_mined_or_drawn(shortage):
    data = dataset(["shops", "we open", "", " ", "ban the cars", "open at NINE", "the bus", "the tram"])
    mined = mine(data, sources=[Random()], filters=[], select=Selection(per_query=8, shortage=shortage), depth=2)
    assert set(mined.negatives.select("query", "document").rows()) <= {
        *((0, each) for each in (1, 5, 6, 7)),
        *((1, each) for each in (0, 4, 6, 7)),
    }
    if shortage == "fill_random":
        assert np.bincount(mined.negatives["query"]).tolist() == [4, 4]
