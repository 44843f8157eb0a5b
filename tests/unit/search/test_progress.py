"""Long searches say how far they are."""

import numpy as np
import polars as pl

from hardneg.progress import showing
from hardneg.search import words
from hardneg.search.analyzers import analyzer
from hardneg.search.bm25 import BM25Index
from hardneg.search.exact import exact_topk
from watching import Watching


def test_building_an_index_and_searching_it_are_shown_slice_by_slice(monkeypatch):
    monkeypatch.setattr(words, "_SLICE", 40)
    documents = pl.Series([f"w{i % 7} w{i % 5}" for i in range(100)])
    queries = [f"w{i % 7}" for i in range(600)]
    quiet, _ = BM25Index.build(documents, analyzer("plain")).search(queries, 5)
    with showing(display := Watching()):
        found, _ = BM25Index.build(documents, analyzer("plain")).search(queries, 5)
    assert display.tasks == [("indexing documents", 100, "documents"), ("searching the index", 600, "queries")]
    assert display.steps[0] == [40, 40, 20]
    assert sum(display.steps[1]) == 600
    assert len(display.steps[1]) > 1
    np.testing.assert_array_equal(found, quiet)


def test_searching_vectors_is_shown_block_by_block():
    vectors = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
    with showing(display := Watching()):
        exact_topk(vectors[:10], vectors, 3, query_block=6, document_block=30)
    assert display.tasks == [("searching vectors", 500, "products")]
    assert display.steps == [[180, 120, 120, 80]]
