"""What is Elasticsearch's and OpenSearch's alone: answers, failures, keys."""

import base64

import numpy as np
import pytest

import hardneg as hn
from hardneg.errors import ModelError, RecipeError, StorageError
from hardneg.sources import Dense, Elasticsearch
from index_shelves import METRICS, SHELVES
from index_toy import BLOCK, DIM, ENCODER, index_toy, vectors_of
from local_elasticsearch import serving

OF = Dense(model="any")


@pytest.fixture
def dataset(monkeypatch):
    monkeypatch.setattr(Dense, "encoder", lambda _: ENCODER)
    monkeypatch.setattr("hardneg.sources.indexes.asking._FIRST_WAIT_S", 0.001)
    return index_toy()


@pytest.fixture
def server(dataset):
    with serving() as (store, address):
        store.create("docs", DIM, "cosine")
        for key, vector in zip(dataset.documents["id"], vectors_of(dataset), strict=True):
            store.put("docs", key, {"vector": vector.tolist(), "text": "word"})
        yield store, address


def test_vectors_that_are_left_out_of_the_source_are_fetched_as_a_field(server, dataset):
    store, address = server
    store.hides_vectors = True
    rows = Elasticsearch("docs", address, of=OF).retrieve(dataset, BLOCK, 10)
    assert rows.equals(OF.retrieve(dataset, BLOCK, 10))


@pytest.mark.parametrize("metric", METRICS)
def test_opensearch_is_asked_in_its_own_way(dataset, metric, monkeypatch, tmp_path):
    shelf = SHELVES["opensearch"](monkeypatch, tmp_path)
    shelf.fill(dataset.documents["id"].to_list(), vectors_of(dataset), metric=metric)
    source = shelf.source(OF, pool=40)
    assert source.retrieve(dataset, BLOCK, 10).equals(OF.retrieve(dataset, BLOCK, 10))
    assert not hn.mine(dataset, sources=[source], per_query=1).findings
    shelf.close()


def test_long_listings_are_read_page_by_page_and_given_back(server, dataset):
    store, address = server
    for each in range(1_100):
        store.put("docs", f"other-{each}", {"vector": [1.0] * DIM})
    (finding,) = hn.mine(dataset, sources=[Elasticsearch("docs", address, of=OF)], per_query=1).findings
    assert "1,100 of its 1,190 records" in finding.detail
    assert store.scrolls == {}


def test_a_busy_server_is_asked_again(server, dataset):
    store, address = server
    store.failing += [(503, {}, "starting"), (429, {"Retry-After": "0"}, {"error": "too many"})]
    assert Elasticsearch("docs", address, of=OF).retrieve(dataset, BLOCK, 5).height == 60
    assert store.failing == []


@pytest.mark.parametrize(
    ("failure", "error", "message"),
    [
        (
            (503, {}, "still starting"),
            StorageError,
            r"index 'docs' at http://\S+ does not answer \(HTTP 503: still star",
        ),
        ((401, {}, "who"), ModelError, r"refuses \(HTTP 401\); set a key in the variable that api_key_env names"),
        ((400, {}, {"error": "no"}), ModelError, r"refuses \(HTTP 400\): {\"error\": \"no\"}"),
        ((301, {"Location": "http://other"}, ""), ModelError, r"refuses \(HTTP 301\)"),
        ((200, {}, "<html>"), ModelError, "answers '<html>', which is no JSON; is url its address"),
    ],
)
def test_what_a_server_answers_in_place_of_an_index_is_one_message(server, dataset, failure, error, message):
    store, address = server
    store.failing += [failure] * 20
    with pytest.raises(error, match=message):
        hn.mine(dataset, sources=[Elasticsearch("docs", address, of=OF, patience_s=0)])


def test_a_server_that_is_not_there(dataset):
    with pytest.raises(StorageError, match=r"does not answer \(.*refused\), tried for 0 s; see whether it runs"):
        hn.mine(dataset, sources=[Elasticsearch("docs", "http://127.0.0.1:1", of=OF, patience_s=0)])


def test_fields_that_do_not_fit_are_named(server, dataset):
    store, address = server
    with pytest.raises(RecipeError, match="has no field 'vectors', which vector names; did you mean 'vector'"):
        hn.mine(dataset, sources=[Elasticsearch("docs", address, of=OF, vector="vectors")])
    with pytest.raises(ModelError, match="field 'text' is of type text, not of vectors"):
        hn.mine(dataset, sources=[Elasticsearch("docs", address, of=OF, vector="text")])
    store.indices["docs"]["mapping"]["mappings"]["properties"]["vector"]["similarity"] = "hamming"
    with pytest.raises(ModelError, match=r"compares by hamming; cosine, .* are supported"):
        hn.mine(dataset, sources=[Elasticsearch("docs", address, of=OF)])


def test_keys_are_sent_and_written_nowhere(server, dataset, tmp_path, monkeypatch):
    store, address = server
    monkeypatch.setenv("ELASTIC_API_KEY", "elastic-key-0123456789")
    monkeypatch.setenv("WHERE", address.replace("//", "//me:pass%20word-0123@"))
    for source, header in (
        (Elasticsearch("docs", address, of=OF), "ApiKey elastic-key-0123456789"),
        (Elasticsearch("docs", "env:WHERE", of=OF), f"Basic {base64.b64encode(b'me:pass word-0123').decode()}"),
    ):
        store.asked.clear()
        hn.mine(dataset, sources=[source], per_query=1, out=tmp_path / header.split()[0])
        assert {headers["Authorization"] for _, _, headers in store.asked} == {header}
    store.failing += [(400, {}, "elastic-key-0123456789 pass word-0123 pass%20word-0123")] * 9
    with pytest.raises(ModelError) as caught:
        hn.mine(dataset, sources=[Elasticsearch("docs", "env:WHERE", of=OF)])
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for secret in (b"elastic-key", b"word-0123"):
        assert not any(secret in content for content in [*written, str(caught.value).encode()])


def test_an_index_whose_writes_may_not_be_seen_is_told_by_its_count(server, dataset):
    store, address = server
    before = Elasticsearch("docs", address, of=OF).fingerprint()
    store.put("docs", "doc-0", {"vector": (-vectors_of(dataset)[0]).tolist()})
    assert Elasticsearch("docs", address, of=OF).fingerprint() != before


def test_vectors_of_a_file_ask_for_a_model_no_more(server, dataset, tmp_path):
    _, address = server
    np.save(tmp_path / "documents.npy", vectors_of(dataset))
    np.save(tmp_path / "queries.npy", ENCODER.encode_queries(dataset.query_texts.to_list()))
    of = hn.sources.Vectors(tmp_path / "documents.npy", tmp_path / "queries.npy")
    rows = Elasticsearch("docs", address, of=of).retrieve(dataset, BLOCK, 10)
    assert rows.equals(OF.retrieve(dataset, BLOCK, 10))
