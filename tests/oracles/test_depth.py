"""Depth counts candidates: against picking them one by one from the whole ranking."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardneg.data.dataset import Dataset
from hardneg.negatives import Selection
from hardneg.pipeline.mining import mine
from hardneg.sources import BM25, Judged, Random, gather
from hardneg.sources.retrieval import retrieval_table

WORDS = ["a", "b", "c", "d", "e"]


def random_dataset(seed, n_queries, n_documents, most_positives):
    rng = np.random.default_rng(seed)
    n_positives = rng.integers(1, most_positives + 1, n_queries)
    pairs = [(q, d) for q in range(n_queries) for d in rng.choice(n_documents, n_positives[q], replace=False)]
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 4))) for _ in range(n_documents)]
    return Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(n_queries)], "text": rng.choice(texts, n_queries)}),
        pl.DataFrame({"id": [f"d{i}" for i in range(n_documents)], "text": texts}),
        pl.DataFrame(
            {
                "query_id": [f"q{q}" for q, _ in pairs],
                "doc_id": [f"d{d}" for _, d in pairs],
                "relevance": rng.choice([0, 1, 1, 1], len(pairs)),
                "split": "train",
            }
        ),
    )


def one_by_one(source, dataset, query, depth):
    """Go down the whole ranking until there are `depth` documents that are no answers."""
    rows, n_candidates = [], 0
    for _, document, rank, score in source.retrieve(dataset, np.array([query], np.int32), dataset.n_documents).rows():
        is_answer = bool(dataset.is_answer(np.array([query]), np.array([document]))[0])
        if n_candidates == depth:
            break
        rows.append((query, document, rank, score))
        n_candidates += not is_answer
    return rows


@pytest.mark.parametrize("source", [BM25(analyzer="plain"), Judged(), Random(seed=3)], ids=lambda each: each.name)
@given(seed=st.integers(0, 10_000), depth=st.integers(1, 60), most=st.sampled_from([1, 5, 40, 150]))
@settings(max_examples=40, deadline=None)
def test_every_source_gives_depth_candidates_besides_the_answers(source, seed, depth, most):
    dataset = random_dataset(seed, 6, 160, most)
    block = np.random.default_rng(seed).permutation(6).astype(np.int32)
    rows = gather(dataset, [source], block, depth)
    name = source.name
    found = rows.filter(pl.col(f"rank.{name}").is_not_null()).sort("query", f"rank.{name}")
    whole = [row for query in range(6) for row in one_by_one(source, dataset, query, depth)]
    if name == "random":  # draws of another depth are other draws
        counts = found.filter(~pl.Series(dataset.is_answer(found["query"].to_numpy(), found["document"].to_numpy())))
        left = [160 - int(dataset.is_answer(np.full(160, q), np.arange(160)).sum()) for q in range(6)]
        drawn = dict(counts.group_by("query").len().rows())
        assert [drawn.get(q, 0) for q in range(6)] == [min(depth, each) for each in left]
    else:
        assert found.select("query", "document", f"rank.{name}", f"score.{name}").rows() == whole
    alone = [gather(dataset, [source], np.array([query], np.int32), depth) for query in range(6)]
    assert rows.equals(pl.concat(alone))


@dataclass(frozen=True)
class Recording:
    """Finds the first documents, and writes down what it was asked for."""

    name: str = "recording"
    asked: list = field(default_factory=list, compare=False, repr=False)

    def retrieve(self, dataset, block, depth):
        self.asked.append((len(block), depth))
        places = min(depth, dataset.n_documents)
        return retrieval_table(block, np.tile(np.arange(places, dtype=np.int32), (len(block), 1)))


def many_positives(n_queries=50):
    """2,000 documents, of which 800 answer the first query and one each of the others."""
    labels = [("q0", f"d{i}") for i in range(800)] + [(f"q{i}", f"d{i}") for i in range(1, n_queries)]
    return Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(n_queries)], "text": [f"query {i}" for i in range(n_queries)]}),
        pl.DataFrame({"id": [f"d{i}" for i in range(2_000)], "text": [f"query text {i}" for i in range(2_000)]}),
        pl.DataFrame(
            {
                "query_id": [query for query, _ in labels],
                "doc_id": [document for _, document in labels],
                "relevance": 1,
                "split": "train",
            }
        ),
    )


def test_one_query_of_many_positives_does_not_deepen_the_search_for_the_others():
    source, dataset = Recording(), many_positives()
    gather(dataset, [source], dataset.queries_of("train"), 20)
    assert sorted(source.asked) == [(1, 2_000), (49, 20 + 4)]


@pytest.mark.parametrize("block_size", [1, 7, 4_096])
def test_800_positives_leave_as_many_negatives_as_one(block_size, tmp_path):
    dataset = many_positives(4)
    mined = mine(
        dataset,
        sources=[BM25(), Recording()],
        filters=[],
        select=Selection(per_query=8),
        depth=10,
        block_size=block_size,
        out=tmp_path,
    )
    assert mined.funnel["short_queries"] == 0
    assert mined.negatives.group_by("query").len()["len"].to_list() == [8] * 4
    again = mine(dataset, sources=[BM25(), Recording()], filters=[], select=Selection(per_query=8), depth=10)
    assert mined.negatives.equals(again.negatives)
