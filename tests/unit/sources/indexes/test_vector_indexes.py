"""Every index as a source: the same negatives as the exact search, and what is said of what does not fit."""

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import hardneg as hn
from hardneg.errors import DatasetError, Interrupted, ModelError, RecipeError, RunError
from hardneg.sources import BM25, Dense, Fused
from index_shelves import METRICS, SHELVES
from index_toy import BLOCK, DIM, ENCODER, index_toy, vectors_of


@pytest.fixture(autouse=True)
def exact(monkeypatch) -> Dense:
    monkeypatch.setattr(Dense, "encoder", lambda _: ENCODER)
    return Dense(model="any")


@pytest.fixture(params=sorted(SHELVES.keys() - {"opensearch"}))
def shelf(request, monkeypatch, tmp_path):
    opened = SHELVES[request.param](monkeypatch, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def dataset():
    return index_toy()


@pytest.fixture
def filled(shelf, dataset):
    shelf.fill(dataset.documents["id"].to_list(), vectors_of(dataset))
    return shelf


def pairs(rows):
    return rows.select("query", "document", "rank").rows()


@pytest.mark.parametrize("metric", METRICS)
def test_finds_what_the_exact_search_finds(shelf, dataset, exact, metric):
    shelf.fill(dataset.documents["id"].to_list(), vectors_of(dataset), metric=metric)
    source = shelf.source(exact, pool=40)
    rows, best = source.retrieve(dataset, BLOCK, 20), exact.retrieve(dataset, BLOCK, 20)
    np.testing.assert_allclose(rows["score"].to_numpy(), best["score"].to_numpy(), atol=1e-6)
    # The index's own normalising may swap documents whose scores are equal to the last bits.
    both = rows.join(best, on=["query", "document"], suffix=".exact")
    assert both.height == best.height
    assert (both["score"] - both["score.exact"]).abs().max() < 1e-6


def test_mines_the_negatives_of_the_exact_search(filled, dataset, exact):
    options = {"per_query": 2, "filters": [], "depth": 20}
    by_index = hn.mine(dataset, sources=[filled.source(exact)], **options)
    by_search = hn.mine(dataset, sources=[exact], **options)
    columns = ["query", "document"]
    assert by_index.negatives.select(columns).equals(by_search.negatives.select(columns))
    assert not by_index.findings


def test_what_a_query_gets_depends_neither_on_its_block_nor_on_the_depth(filled, dataset, exact):
    source = filled.source(exact, pool=25)
    whole = source.retrieve(dataset, BLOCK, 20)
    assert pl.concat([source.retrieve(dataset, BLOCK[at : at + 1], 20) for at in BLOCK]).equals(whole)
    assert source.retrieve(dataset, BLOCK, 4).equals(whole.filter(pl.col("rank") <= 4))
    assert source.retrieve(dataset, BLOCK, 500)["rank"].max() >= 25


def test_documents_that_the_index_lacks_are_counted_and_scored_by_the_model(shelf, dataset, exact):
    ids = dataset.documents["id"].to_list()
    lost = [3, 20, 77]  # the first two are labelled
    kept = [at for at in range(dataset.n_documents) if at not in lost]
    shelf.fill([ids[at] for at in kept], vectors_of(dataset)[kept])
    source = shelf.source(exact)
    assert not source.retrieve(dataset, BLOCK, 200)["document"].is_in(lost).any()
    query, document = np.zeros(3, np.int32), np.array(lost, np.int32)
    np.testing.assert_allclose(source.score(dataset, query, document), exact.score(dataset, query, document), atol=1e-6)
    (finding,) = hn.mine(dataset, sources=[source], per_query=1).findings
    assert (finding.code, finding.severity, finding.count) == ("HN046", "warning", 3)
    assert "it has no record of 3 of 90 documents, 2 of them labelled answers" in finding.detail
    assert finding.examples == ("doc-3", "doc-20", "doc-77")


def test_other_records_and_documents_in_parts_take_no_place_from_documents(shelf, dataset, exact):
    ids, vectors = dataset.documents["id"].to_list(), vectors_of(dataset)
    queries = ENCODER.encode_queries(dataset.query_texts.to_list())
    shelf.fill(ids, vectors)
    shelf.add([f"other-{each}" for each in range(120)], np.tile(queries, (10, 1)))
    shelf.add(ids[:5], -vectors[:5])  # a second part of each
    source = shelf.source(exact, pool=20)
    rows = source.retrieve(dataset, BLOCK, 10)
    assert pairs(rows.filter(pl.col("rank") <= 10)) == pairs(shelf_of_documents(rows, exact, dataset))
    (finding,) = source.findings(dataset)
    assert (finding.severity, finding.count) == ("info", 120)
    assert "120 of its 215 records are of no document of the dataset" in finding.detail


def shelf_of_documents(rows, exact, dataset):
    best = exact.retrieve(dataset, BLOCK, 10)
    assert (rows["score"] - best["score"]).abs().max() < 1e-6
    return best


def test_an_index_of_another_model_is_refused(shelf, dataset, exact):
    ids, vectors = dataset.documents["id"].to_list(), vectors_of(dataset)
    other = np.random.default_rng(1).standard_normal(vectors.shape).astype(np.float32)
    shelf.fill(ids, np.hstack([vectors, vectors]), name="wide")
    shelf.fill(ids, other / np.linalg.norm(other, axis=1, keepdims=True), name="other")
    with pytest.raises(ModelError, match=rf"its vectors have {2 * DIM} dimensions, those of any {DIM}"):
        hn.mine(dataset, sources=[shelf.source(exact, name="wide")])
    with pytest.raises(ModelError, match=r"its vectors are not those of any: .* has a cosine of -?0\.\d\d"):
        hn.mine(dataset, sources=[shelf.source(exact, name="other")])


def test_vectors_that_are_not_quite_the_models_are_a_finding(shelf, dataset, exact):
    vectors = vectors_of(dataset)
    noisy = vectors + 0.1 * np.random.default_rng(1).standard_normal(vectors.shape).astype(np.float32)
    shelf.fill(dataset.documents["id"].to_list(), noisy)
    (finding,) = hn.mine(dataset, sources=[shelf.source(exact)], per_query=1).findings
    assert (finding.code, finding.severity) == ("HN047", "warning")
    assert re.search(r"has a cosine of 0\.9\d+ with what any makes of them", finding.detail)


def test_a_model_of_the_dot_product_needs_an_index_of_it(shelf, dataset, exact, monkeypatch):
    class Longer(type(ENCODER)):
        fingerprint = "longer"

        def encode_queries(self, texts):
            return 3 * super().encode_queries(texts)

        encode_documents = encode_queries

    longer = Longer()
    monkeypatch.setattr(Dense, "encoder", lambda _: longer)
    ids = dataset.documents["id"].to_list()
    shelf.fill(ids, 3 * vectors_of(dataset), metric="cosine")
    with pytest.raises(ModelError, match="it compares by cosine, but any by the dot product"):
        hn.mine(dataset, sources=[shelf.source(exact)])
    shelf.fill(ids, 3 * vectors_of(dataset), metric="dot", name="dots")
    rows = shelf.source(exact, name="dots").retrieve(dataset, BLOCK, 10)
    assert pairs(rows) == pairs(exact.retrieve(dataset, BLOCK, 10))


def test_what_is_not_there_is_named(filled, dataset, exact):
    with pytest.raises(RecipeError, match=r"docz.*does not exist; did you mean 'docs'\? \(known: docs\)"):
        hn.mine(dataset, sources=[filled.source(exact, name="docz")])
    others = dataset.documents.with_columns(id="x" + pl.col("id"))
    labels = pl.DataFrame({"query_id": ["q0"], "doc_id": ["xdoc-0"], "relevance": [1], "split": ["train"]})
    foreign = hn.Dataset.from_tables(dataset.queries, others, labels)
    with pytest.raises(DatasetError, match=r"has 90 records, such as 'doc-0'.*none is a document of .*'xdoc-0'"):
        hn.mine(foreign, sources=[filled.source(exact)])


def test_an_empty_index_is_refused(shelf, dataset, exact):
    shelf.fill([], np.empty((0, DIM), np.float32))
    with pytest.raises(ModelError, match="is empty; fill it first"):
        hn.mine(dataset, sources=[shelf.source(exact)])


def test_a_run_that_was_stopped_goes_on_and_one_whose_index_changed_does_not(
    filled, dataset, exact, tmp_path, monkeypatch
):
    options = {"per_query": 2, "filters": [], "depth": 20, "block_size": 5}
    source = filled.source(exact)
    whole = hn.mine(dataset, sources=[source], out=tmp_path / "whole", **options)
    retrieve, asked = type(source).retrieve, []

    def stopping(self, dataset, block, depth):
        asked.append(len(block))
        if len(asked) == 2:
            raise Interrupted("stopped")
        return retrieve(self, dataset, block, depth)

    monkeypatch.setattr(type(source), "retrieve", stopping)
    with pytest.raises(Interrupted):
        hn.mine(dataset, sources=[source], out=tmp_path / "stopped", **options)
    again = hn.mine(dataset, sources=[source], out=tmp_path / "stopped", **options)
    assert len(asked) == 4  # one was done, one was stopped, two were left
    assert again.negatives.equals(whole.negatives)
    filled.replace(0, "doc-0", -vectors_of(dataset)[0])
    with pytest.raises(RunError, match="mined with another sources"):
        hn.mine(dataset, sources=[source], out=tmp_path / "stopped", **options)


def test_half_of_a_hybrid_tells_what_it_lacks(filled, dataset, exact):
    filled.add(["other"], vectors_of(dataset)[:1])
    (finding,) = Fused(BM25(analyzer="plain"), filled.source(exact)).findings(dataset)
    assert finding.code == "HN046"


def test_it_is_a_retriever_that_can_be_evaluated(filled, dataset, exact, monkeypatch):
    monkeypatch.setattr(Dense, "reading", lambda *_: None)  # there is no model to read with
    by_index = hn.evaluate(dataset, filled.source(exact), split="train")
    assert by_index.metrics == hn.evaluate(dataset, exact, split="train").metrics


def test_it_can_be_named_in_a_recipe_and_written_back(filled, dataset, exact, tmp_path):
    mined = hn.mine(dataset, sources=[filled.source(exact)], per_query=1, out=tmp_path / "run")
    plan = json.loads((tmp_path / "run" / "mining.json").read_text())["plan"]
    assert plan["sources"][0]["use"] == filled.use
    assert plan["sources"][0]["of"]["use"] == "dense"
    assert mined.negatives.height > 0
    assert Path(tmp_path / "run" / "negatives").is_dir()
