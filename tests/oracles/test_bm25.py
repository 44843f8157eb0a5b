import math
from collections import Counter

import bm25s
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardneg.search._kernels import postings
from hardneg.search.analyzers import ANALYZERS
from hardneg.search.bm25 import BM25Index

PLAIN = ANALYZERS["plain"]


def textbook(documents, query, *, k1, b):
    """Score every document by the formula, one term and one document at a time."""
    bags = [Counter(text.split()) for text in documents]
    average = max(sum(bag.total() for bag in bags) / len(bags), 1)
    scores = []
    for bag in bags:
        score = 0.0
        for term, count in Counter(query.split()).items():
            df = sum(term in other for other in bags)
            idf = math.log(1 + (len(bags) - df + 0.5) / (df + 0.5))
            tf = bag[term]
            score += count * idf * tf / (tf + k1 * (1 - b + b * bag.total() / average)) if tf else 0.0
        scores.append(score)
    return np.array(scores)


texts = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]), max_size=8).map(" ".join)


@given(
    st.lists(texts, min_size=1, max_size=30),
    st.lists(texts, min_size=1, max_size=4),
    st.integers(1, 40),
    st.sampled_from([(1.5, 0.75), (0.9, 0.4), (0.0, 1.0), (2.0, 0.0)]),
)
@settings(max_examples=80, deadline=None)
def test_equals_the_textbook(documents, queries, depth, parameters):
    k1, b = parameters
    index = BM25Index.build(pl.Series(documents), PLAIN, k1=k1, b=b)
    found, score = index.search(queries, depth)
    assert found.shape == score.shape == (len(queries), depth)
    for query, row, row_score in zip(queries, found, score, strict=True):
        true = textbook(documents, query, k1=k1, b=b)
        n = min(depth, int((true > 0).sum()))
        assert (row[n:] == -1).all()
        np.testing.assert_allclose(row_score[:n], np.sort(true)[::-1][:n], rtol=1e-6)
        np.testing.assert_allclose(row_score[:n], true[row[:n]], rtol=1e-6)
        assert len(set(row[:n].tolist())) == n


def test_equal_documents_come_by_position_also_at_the_cut():
    documents = ["x y"] * 900 + ["x"] * 900
    order = np.random.default_rng(0).permutation(1_800)
    index = BM25Index.build(pl.Series([documents[i] for i in order]), PLAIN)
    found, _ = index.search(["x", "y x"], 5)
    short, long = np.flatnonzero(order >= 900), np.flatnonzero(order < 900)
    assert found[0].tolist() == short[:5].tolist()
    assert found[1].tolist() == long[:5].tolist()
    deep, _ = index.search(["x"], 1_000)
    assert deep[0].tolist() == [*short, *long[:100]]


def test_documents_beyond_one_block_are_found(monkeypatch):
    words = np.random.default_rng(1).integers(0, 30, (postings._BLOCK + 5_000, 4))
    documents = [" ".join(f"w{word}" for word in row) for row in words]
    index = BM25Index.build(pl.Series(documents), PLAIN)
    found, score = index.search(["w1 w2 w3"], 300)
    every = index.pair_scores(["w1 w2 w3"], np.zeros(len(documents), np.int64), np.arange(len(documents)))
    np.testing.assert_array_equal(found[0], np.argsort(-every, kind="stable")[:300])
    assert found[0].max() > postings._BLOCK
    np.testing.assert_array_equal(score[0], every[found[0]])


@given(
    st.lists(texts, min_size=1, max_size=60),
    st.lists(texts, min_size=1, max_size=300),
    st.integers(1, 30),
    st.sampled_from([1, 3, 16, 1_000]),
)
@settings(max_examples=60, deadline=None)
def test_blocks_and_company_change_nothing(documents, queries, depth, copies):
    # Copies make ties, also across the cut; enough of them make several blocks of documents.
    index = BM25Index.build(pl.Series(documents * copies), PLAIN)
    found, score = index.search(queries[: 300 // copies + 1], depth)
    every = np.arange(len(documents) * copies)
    for query, row, row_score in zip(queries, found, score, strict=False):
        # The scores of pairs are summed one by one in the order of the query's terms.
        true = index.pair_scores([query], np.zeros(len(every), np.int64), every)
        best = np.argsort(-true, kind="stable")[:depth]
        best = best[true[best] > 0]
        assert row[: len(best)].tolist() == best.tolist()
        assert (row[len(best) :] == -1).all()
        np.testing.assert_array_equal(row_score[: len(best)].view(np.int32), true[best].view(np.int32))


def test_pair_scores_have_the_bits_of_the_search():
    random = np.random.default_rng(2)
    documents = [" ".join(f"w{w}" for w in random.zipf(1.3, 30) % 500) for _ in range(2_000)]
    queries = [" ".join(f"w{w}" for w in random.zipf(1.3, 12) % 500) for _ in range(50)]
    index = BM25Index.build(pl.Series(documents), PLAIN)
    found, score = index.search(queries, 50)
    row, place = np.nonzero(found >= 0)
    pairs = index.pair_scores(queries, row, found[row, place])
    np.testing.assert_array_equal(pairs.view(np.int32), score[row, place].view(np.int32))


def test_a_query_finds_the_same_alone_and_among_others():
    documents = [f"w{i % 7} w{i % 5} w{i % 3}" for i in range(200)]
    queries = [f"w{i % 7} w{i % 4}" for i in range(40)]
    index = BM25Index.build(pl.Series(documents), PLAIN)
    found, score = index.search(queries, 20)
    for row, query in enumerate(queries):
        alone, alone_score = index.search([query], 20)
        np.testing.assert_array_equal(alone[0], found[row])
        np.testing.assert_array_equal(alone_score[0], score[row])


def test_scores_agree_with_bm25s():
    random = np.random.default_rng(3)
    documents = [" ".join(f"w{w}" for w in random.zipf(1.4, 20) % 200) for _ in range(300)]
    queries = [" ".join(dict.fromkeys(f"w{w}" for w in random.zipf(1.4, 6) % 200)) for _ in range(20)]
    other = bm25s.BM25(method="lucene", k1=1.2, b=0.6)
    other.index([text.split() for text in documents], show_progress=False)
    index = BM25Index.build(pl.Series(documents), PLAIN, k1=1.2, b=0.6)
    every = np.arange(len(documents))
    for query in queries:
        ours = index.pair_scores([query], np.zeros(len(every), np.int64), every)
        np.testing.assert_allclose(ours, other.get_scores(query.split()), rtol=1e-5)


def test_queries_without_known_terms_find_nothing():
    index = BM25Index.build(pl.Series(["a b", None, ""]), PLAIN)
    found, score = index.search(["", "zebra", "..."], 2)
    assert (found == -1).all()
    assert (score == 0).all()
    assert index.pair_scores(["", "zebra a"], np.array([0, 1, 1]), np.array([0, 1, 0]))[:2].tolist() == [0, 0]
    assert index.search([], 2)[0].shape == (0, 2)


def test_empty_texts_alone_can_be_indexed():
    found, _ = BM25Index.build(pl.Series(["", None], dtype=pl.String), PLAIN).search(["a"], 3)
    assert found.tolist() == [[-1, -1, -1]]


@pytest.mark.parametrize("parameters", [{"k1": -0.1}, {"b": 1.1}, {"b": -0.1}, {"k1": math.nan}])
def test_parameters_out_of_range_are_refused(parameters):
    with pytest.raises(ValueError, match="k1 must be at least 0"):
        BM25Index.build(pl.Series(["a"]), PLAIN, **parameters)
