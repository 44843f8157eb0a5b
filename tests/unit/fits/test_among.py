"""Answers among random documents tell systems apart where labels name few of the answers."""

import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.evaluation.significance import compare
from hardneg.fits.among import DRAWN, Among, draw_documents, with_answers

N_CLASSES, EACH, ASKED, MEASURE = 40, 50, 200, "nDCG@10"


class Noisy:
    """A model that knows the class of everything, and is wrong by so much."""

    name = "noisy"

    def __init__(self, noise):
        self.noise = noise

    def score(self, dataset, query, document):
        same = dataset.queries["class"].gather(query) == dataset.documents["class"].gather(document)
        drawn = [hash((self.noise, q, d)) % 10_007 for q, d in zip(*self._ids(dataset, query, document), strict=True)]
        return same.to_numpy().astype(np.float32) + self.noise * np.array(drawn, dtype=np.float32) / 10_007

    def retrieve(self, dataset, block, depth):
        everything = Among(self, dataset.documents["id"])
        return everything.retrieve(dataset, block, depth)

    @staticmethod
    def _ids(dataset, query, document):
        numbers = (dataset.queries["id"].gather(query), dataset.documents["id"].gather(document))
        return (each.str.slice(1).cast(pl.Int64).to_list() for each in numbers)


@pytest.fixture(scope="module")
def sparse():
    """Queries with one labelled answer each, of fifty."""
    rng = np.random.default_rng(0)
    n_documents = N_CLASSES * EACH
    classes = np.arange(n_documents) % N_CLASSES
    documents = pl.DataFrame(
        {
            "id": [f"d{at}" for at in range(n_documents)],
            "text": [f"t {at}" for at in range(n_documents)],
            "class": classes,
        }
    )
    asked = rng.integers(N_CLASSES, size=ASKED)
    queries = pl.DataFrame(
        {"id": [f"q{at}" for at in range(ASKED)], "text": [f"ask {at}" for at in range(ASKED)], "class": asked}
    )
    answer = [rng.choice(np.flatnonzero(classes == each)) for each in asked]
    qrels = pl.DataFrame({"query": np.arange(ASKED, dtype=np.int32), "document": np.array(answer, dtype=np.int32)})
    qrels = qrels.with_columns(relevance=pl.lit(1, dtype=pl.Int32), split=pl.lit("dev"))
    return Dataset(queries, documents, qrels, name="sparse")


def per_query(dataset, model, *, among):
    queries, drawn = dataset.queries_of("dev"), draw_documents(dataset, seed=0)
    if not among:
        return evaluate(dataset, model, split="dev", measures=[MEASURE]).per_query
    corpus = with_answers(dataset, "dev", queries, drawn)
    source = Among(model, dataset.documents["id"].gather(drawn))
    return evaluate(corpus, source, split="dev", measures=[MEASURE]).per_query


def test_they_tell_the_better_model_where_all_documents_do_not(sparse):
    better, worse = Noisy(1.0), Noisy(2.0)
    everywhere = compare(*(per_query(sparse, each, among=False) for each in (worse, better)), measure=MEASURE)
    among = compare(*(per_query(sparse, each, among=True) for each in (worse, better)), measure=MEASURE)
    assert everywhere.p_value > 0.05
    assert among.difference > 0
    assert among.p_value < 0.01


def test_each_query_is_ranked_among_the_same_documents_and_its_own_answers_alone(sparse):
    queries, drawn = sparse.queries_of("dev"), draw_documents(sparse, seed=0)
    corpus, ids = with_answers(sparse, "dev", queries, drawn), sparse.documents["id"].gather(drawn)
    assert len(drawn) == len(set(drawn.tolist())) == DRAWN
    block = np.arange(7, dtype=np.int32)
    rows = Among(Noisy(1.0), ids).retrieve(corpus, block, corpus.n_documents)
    for query in block:
        ranked = rows.filter(pl.col("query") == query)
        label = corpus.qrels.filter(pl.col("query") == query)["document"].item()
        named = corpus.documents["id"].gather(ranked["document"]).to_list()
        assert sorted(named) == sorted({*ids, corpus.documents["id"][label]})
        assert ranked["score"].is_sorted(descending=True)
        assert ranked["rank"].to_list() == list(range(1, ranked.height + 1))


def test_a_corpus_that_is_whole_gives_the_same(sparse):
    model, drawn = Noisy(1.0), draw_documents(sparse, seed=0)
    source = Among(model, sparse.documents["id"].gather(drawn))
    whole = evaluate(sparse, source, split="dev", measures=[MEASURE]).per_query
    assert whole.equals(per_query(sparse, model, among=True))
