"""What is Qdrant's alone: folders of its client, vectors with names, and what a server refuses."""

import pytest

import hardneg as hn
from hardneg.errors import ModelError, RecipeError, StorageError
from hardneg.sources import Dense, Qdrant
from hardneg.sources.indexes import qdrant
from index_toy import BLOCK, DIM, ENCODER, index_toy, vectors_of
from local_elasticsearch import serving

OF = Dense(model="any")


@pytest.fixture
def dataset(monkeypatch):
    monkeypatch.setattr(Dense, "encoder", lambda _: ENCODER)
    monkeypatch.setattr("hardneg.sources.indexes.asking._FIRST_WAIT_S", 0.001)
    return index_toy()


@pytest.fixture
def folder(dataset, tmp_path):
    """A folder that Qdrant's client keeps; points with two vectors, some without the one that is searched."""
    from qdrant_client import QdrantClient, models

    client = QdrantClient(path=str(tmp_path / "kept"))
    size = models.VectorParams(size=DIM, distance=models.Distance.COSINE)
    client.create_collection("docs", {"words": size, "other": size})
    points = [
        models.PointStruct(id=at, vector={"words": vector, "other": vector[::-1]}, payload={"id": f"doc-{at}"})
        for at, vector in enumerate(vectors_of(dataset).tolist())
    ]
    client.upsert("docs", points)
    client.upsert("docs", [models.PointStruct(id=900, vector={"other": [1.0] * DIM}, payload={"id": "doc-1"})])
    client.close()
    yield tmp_path / "kept"
    if qdrant._local.cache_info().currsize:
        qdrant._local(tmp_path / "kept").close()
        qdrant._local.cache_clear()


def test_a_folder_of_its_client_and_one_of_several_vectors(dataset, folder):
    source = Qdrant("docs", path=folder, of=OF, id_field="id", vector="words")
    rows, best = source.retrieve(dataset, BLOCK, 10), OF.retrieve(dataset, BLOCK, 10)
    assert (rows["score"] - best["score"]).abs().max() < 1e-6
    assert not hn.mine(dataset, sources=[source], per_query=1).findings
    for options, message in (
        ({}, "its vectors have names; set vector to one that there is: other, words"),
        ({"vector": "word"}, "vector is 'word'; set vector to one that there is: other, words"),
    ):
        with pytest.raises(RecipeError, match=message):
            hn.mine(dataset, sources=[Qdrant("docs", path=folder, of=OF, **options)])


def test_a_folder_that_is_none_of_its_client(dataset, tmp_path):
    with pytest.raises(RecipeError, match=r"is no folder of Qdrant's client: it has no meta\.json"):
        hn.mine(dataset, sources=[Qdrant("docs", path=tmp_path, of=OF)])


@pytest.mark.parametrize(
    ("failure", "error", "message"),
    [
        (
            (503, {}, "starting"),
            StorageError,
            r"collection 'docs' at http://\S+ does not answer .*503.*; see",
        ),
        ((403, {}, "who"), ModelError, "refuses: .*403.*; this key may not read it: use another"),
        ((400, {}, {"status": {"error": "no"}}), ModelError, "refuses: .*400.*; look at what it says"),
    ],
)
def test_what_a_server_refuses_is_one_message_without_the_key(dataset, monkeypatch, failure, error, message):
    monkeypatch.setenv("QDRANT_API_KEY", "qdrant-key-0123456789")
    with serving() as (store, address):
        status, headers, said = failure
        store.failing += [(status, headers, said if isinstance(said, dict) else f"{said} qdrant-key-0123456789")] * 20
        with pytest.raises(error, match=message) as caught:
            hn.mine(dataset, sources=[Qdrant("docs", address, of=OF, patience_s=0)])
        assert store.asked[0][2]["api-key"] == "qdrant-key-0123456789"
    assert "qdrant-key" not in str(caught.value)


def test_a_server_that_is_not_there(dataset):
    with pytest.raises(StorageError, match=r"does not answer .*refused.*, tried for 0 s; see whether it runs"):
        hn.mine(dataset, sources=[Qdrant("docs", "http://127.0.0.1:1", of=OF, patience_s=0)])
