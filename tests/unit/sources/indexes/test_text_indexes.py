"""Indexes that are searched by words."""

import numpy as np
import polars as pl
import pytest

import hardneg as hn
from hardneg.data.dataset import Dataset
from hardneg.errors import ModelError, RecipeError
from hardneg.sources.indexes.listing import RecordListing
from hardneg.sources.indexes.pool import ask_for
from hardneg.sources.indexes.protocol import Facts
from index_shelves import TEXT_SHELVES
from index_toy import BLOCK, index_toy, vectors_of


@pytest.fixture(params=sorted(TEXT_SHELVES))
def shelf(request, monkeypatch, tmp_path):
    opened = TEXT_SHELVES[request.param](monkeypatch, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def dataset():
    return index_toy()


@pytest.fixture
def filled(shelf, dataset):
    texts = dataset.document_texts.to_list()
    shelf.fill(dataset.documents["id"].to_list(), vectors_of(dataset), texts)
    return shelf


def shared_words(dataset, rows):
    asked = dataset.query_texts.gather(rows["query"]).str.split(" ")
    there = dataset.document_texts.gather(rows["document"]).str.split(" ")
    return [len(set(one) & set(other)) for one, other in zip(asked, there, strict=True)]


def test_finds_documents_that_share_a_word_the_best_first(filled, dataset):
    rows = filled.source().retrieve(dataset, BLOCK, 30)
    assert min(shared_words(dataset, rows)) >= 1
    first = rows.filter(pl.col("rank") == 1)
    assert shared_words(dataset, first) == [3] * 12
    for _, of_query in rows.group_by("query"):
        assert of_query["score"].is_sorted(descending=True)
        assert of_query.equals(of_query.sort(pl.col("score").neg(), "document"))
    assert filled.source().retrieve(dataset, BLOCK, 4).equals(rows.filter(pl.col("rank") <= 4))


def test_what_is_lacking_and_what_is_too_much_is_said_and_takes_no_place(shelf, dataset):
    ids, texts = dataset.documents["id"].to_list(), dataset.document_texts.to_list()
    shelf.fill(ids[1:], vectors_of(dataset)[1:], texts[1:])
    shelf.add([f"other-{each}" for each in range(60)], np.tile(vectors_of(dataset)[:12], (5, 1)), texts[:12] * 5)
    source = shelf.source(pool=8)
    rows = source.retrieve(dataset, BLOCK, 8)
    assert not rows["document"].is_in([0]).any()
    assert rows.group_by("query").len()["len"].to_list() == [8] * 12
    (finding,) = hn.mine(dataset, sources=[source], filters=[], per_query=1).findings
    assert "it has no record of 1 of 90 documents, 1 of them labelled answers" in finding.detail
    assert "60 of its 149 records" in finding.detail


def test_an_index_of_almost_nothing_but_others_is_not_searched_to_its_end(dataset):
    listing = RecordListing(Facts("index", 10_000_000, "mark"), {1: 0}, np.array([1, 0]), 10_000_000, ())
    limits = []

    def ask(rows, limit):
        limits.append(limit)
        return [list(range(2, limit + 2)) for _ in rows]

    assert ask_for(ask, listing, 2, pool=10, most=2**31) == [[], []]
    assert limits == [10, 40, 160, 640]


def test_a_document_in_parts_counts_by_its_best(shelf, dataset):
    ids, texts = dataset.documents["id"].to_list(), dataset.document_texts.to_list()
    shelf.fill(ids, vectors_of(dataset), ["nothing"] * len(ids))
    shelf.add(ids, vectors_of(dataset), texts)
    rows = shelf.source().retrieve(dataset, BLOCK, 30)
    assert not rows.select("query", "document").is_duplicated().any()
    assert shared_words(dataset, rows.filter(pl.col("rank") == 1)) == [3] * 12


def test_queries_without_any_word_of_the_index_find_nothing(filled, dataset):
    queries = dataset.queries.with_columns(
        text=pl.when(pl.col("id") == "q3").then(pl.lit("!? unheard")).otherwise("text")
    )
    labels = pl.DataFrame({"query_id": ["q3"], "doc_id": ["doc-3"], "relevance": [1], "split": ["train"]})
    other = Dataset.from_tables(queries, dataset.documents, labels)
    assert filled.source().retrieve(other, np.array([3], np.int32), 10).is_empty()


def test_values_are_checked():
    of_elastic, of_postgres = (TEXT_SHELVES[name] for name in ("elasticsearch_text", "postgres_text"))
    for make, message in (
        (lambda: of_elastic.source(Addressed("http://host"), fields=()), "fields is empty"),
        (lambda: of_elastic.source(Addressed("http://host"), pool=20_000), "pool is 20000; set it to 10,000 or less"),
        (lambda: of_postgres.source(Addressed("http://host")), "set it to an address, postgresql://"),
    ):
        with pytest.raises(RecipeError, match=message):
            make()


class Addressed:
    def __init__(self, address):
        self.address = address


def test_a_language_that_postgres_does_not_know_is_refused(monkeypatch, tmp_path, dataset):
    shelf = TEXT_SHELVES["postgres_text"](monkeypatch, tmp_path)
    shelf.fill(["doc-0"], vectors_of(dataset)[:1], ["word"])
    with pytest.raises(ModelError, match='text search configuration "klingon" does not exist'):
        hn.mine(dataset, sources=[shelf.source(language="klingon")])
    shelf.close()
