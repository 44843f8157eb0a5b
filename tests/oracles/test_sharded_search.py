"""Search in shards against the search of all documents at once."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copies import Copies
from hardneg.engines import working_on
from hardneg.search import first_pass, sharded
from hardneg.search.analyzers import analyzer
from hardneg.search.bm25 import BM25Index
from hardneg.search.bm25_shards import bm25_in_shards
from hardneg.search.dense_shards import dense_in_shards
from hardneg.search.exact import exact_topk
from hardneg.search.sharded import Hits, QueryBlock, merged, read_best, search_in_shards

BLOCKS = [QueryBlock(slice(0, 40), 7), QueryBlock(slice(40, 60), 30)]


def on_disk(vectors, path):
    np.save(path, vectors)
    return np.load(path, mmap_mode="r")


def searched(search, folder):
    with working_on(Copies()):
        search_in_shards(search, BLOCKS, folder)
    return [read_best(folder, number) for number in range(len(BLOCKS))]


def dense(tmp_path, queries, documents, n_shards):
    vectors = on_disk(documents, tmp_path / "documents.npy")
    limit = -(-vectors.nbytes // n_shards)
    return dense_in_shards(queries, vectors, limit=limit, folder=tmp_path / "search")


@pytest.mark.parametrize(("n_documents", "n_shards"), [(900, 3), (20_000, 2)])  # without a sample, and with one
def test_dense_shards_find_what_all_documents_have_ties_by_position(tmp_path, n_documents, n_shards):
    rng = np.random.default_rng(0)
    documents = rng.integers(-1, 2, (n_documents, 8)).astype(np.float32)  # many equal scores
    queries = rng.integers(-1, 2, (60, 8)).astype(np.float32)
    search = dense(tmp_path, queries, documents, n_shards)
    assert search.n_shards == n_shards
    for (rows, depth), (document, score) in zip(BLOCKS, searched(search, tmp_path / "search"), strict=True):
        expected = exact_topk(queries[rows], documents, depth)
        np.testing.assert_array_equal(document, expected[0])
        np.testing.assert_array_equal(score, expected[1])
        assert score.dtype == np.float32
    left = {path.parent.name for path in (tmp_path / "search").rglob("*.np?")}
    assert left == {"search", "best"}  # what shards found is gone


def test_levels_that_are_too_high_are_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr(first_pass, "rank_in_sample", lambda _depth: 1)  # the best of the sample: far too high
    rng = np.random.default_rng(1)
    documents = rng.standard_normal((8_000, 16)).astype(np.float32)
    queries = rng.standard_normal((60, 16)).astype(np.float32)
    search = dense(tmp_path, queries, documents, 2)
    for (rows, depth), (document, score) in zip(BLOCKS, searched(search, tmp_path / "search"), strict=True):
        expected = exact_topk(queries[rows], documents, depth)
        np.testing.assert_array_equal(document, expected[0])
        np.testing.assert_array_equal(score, expected[1])


def test_what_is_there_is_not_searched_for_again(tmp_path, monkeypatch):
    rng = np.random.default_rng(2)
    documents, queries = (rng.standard_normal((n, 4)).astype(np.float32) for n in (500, 60))
    search = dense(tmp_path, queries, documents, 2)
    before = searched(search, tmp_path / "search")
    monkeypatch.setattr(sharded, "_opened", None)
    after = searched(search, tmp_path / "search")
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one[0], other[0])


def test_vectors_that_fit_are_not_cut(tmp_path):
    vectors = on_disk(np.eye(4, dtype=np.float32), tmp_path / "vectors.npy")
    assert dense_in_shards(vectors, vectors, limit=64, folder=tmp_path) is None
    assert dense_in_shards(vectors, vectors, limit=63, folder=tmp_path) is not None
    assert dense_in_shards(vectors, np.array(vectors), limit=1, folder=tmp_path) is None  # in memory anyway


WORDS = [f"{a}{b}" for a in "bdgklmnp" for b in "aeiou"]


def test_bm25_shards_score_as_one_index_does(tmp_path):
    rng = np.random.default_rng(3)
    documents = pl.Series("text", [" ".join(rng.choice(WORDS, rng.integers(0, 20))) for _ in range(300)])
    queries = pl.Series("text", [" ".join(rng.choice(WORDS, rng.integers(0, 5))) for _ in range(60)])
    whole = BM25Index.build(documents, analyzer("plain"))
    with working_on(Copies()):
        limit = int(documents.str.len_bytes().sum()) // 3
        search = bm25_in_shards(documents, queries, "plain", k1=1.5, b=0.75, limit=limit, folder=tmp_path)
    assert search.n_shards > 2
    for (rows, depth), (document, score) in zip(BLOCKS, searched(search, tmp_path), strict=True):
        expected = whole.search(queries[rows].to_list(), depth)
        np.testing.assert_array_equal(document, expected[0])
        np.testing.assert_array_equal(score, expected[1])
    query, place = rng.integers(0, 60, 50), rng.integers(0, 9, 50)
    some = np.sort(rng.choice(300, 9, replace=False))
    scores = search.pair_scores(queries.to_list(), query, documents.gather(some), place)
    np.testing.assert_array_equal(scores, whole.pair_scores(queries.to_list(), query, some[place]))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(1, 4), st.integers(1, 12))
def test_merging_is_sorting_all_by_score_and_position(scores, n_shards, depth):
    cuts = sharded.edges(len(scores), n_shards)
    parts = []
    for start, stop in pairwise(cuts):
        order = sorted(range(start, stop), key=lambda document: (-scores[document], document))[:depth]
        of_shard = np.array([scores[each] for each in order], np.float64)
        parts.append(Hits(np.array(order, np.int32), of_shard, np.array([len(order)])))
    best = sorted(range(len(scores)), key=lambda document: (-scores[document], document))[:depth]
    document, score = merged(parts[::-1], depth)
    assert document[0, : len(best)].tolist() == best
    assert score[0, : len(best)].tolist() == [scores[each] for each in best]
    assert (document[0, len(best) :] == -1).all()
