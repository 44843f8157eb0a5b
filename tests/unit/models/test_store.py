"""Vectors that are encoded once, whoever asks, and never those of another model."""

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.models import store
from hardneg.models.sentence_transformer import load_encoder
from hardneg.models.store import cache_folder, document_vectors, encode, query_vectors
from hardneg.progress import showing
from tiny_model import build_tiny_model
from watching import Watching


@dataclasses.dataclass(eq=False)
class Counting:
    """An encoder that notes which texts it was given, and may fail after some calls.

    Rounding that depends on the batch is played by adding the number of texts in it.
    """

    fingerprint: str = "counting"
    calls: list[list[str]] = dataclasses.field(default_factory=list)
    fails_after: int = 1_000
    query_form: str | None = None

    def encode_queries(self, texts):
        return self.encode_documents(texts) + np.float32(0.5)

    def encode_documents(self, texts):
        if len(self.calls) >= self.fails_after:
            raise KeyboardInterrupt
        self.calls.append(texts)
        return np.array([[len(text), len(texts), 1] for text in texts], dtype=np.float32)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "BLOCK", 7)
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))


def two_splits() -> Dataset:
    ids = [f"q{i}" for i in range(30)]
    return Dataset.from_tables(
        pl.DataFrame({"id": [*ids, "unlabelled"], "text": [f"text {'x' * i}" for i in range(31)]}),
        pl.DataFrame({"id": ["d"], "text": ["answer"]}),
        pl.DataFrame({"query_id": ids, "doc_id": "d", "relevance": 1, "split": ["train", "test", "train"] * 10}),
    )


def test_vectors_are_those_of_the_encoder_block_by_block(folder, toy):
    encoder = load_encoder(folder, precision="fp32", device="cpu")
    texts = toy.document_texts.to_list()
    expected = np.concatenate([encoder.encode_documents(texts[at : at + 7]) for at in range(0, len(texts), 7)])
    found = document_vectors(encoder, toy)
    assert np.array_equal(found, expected)
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable


def test_what_is_stored_is_not_encoded_again(toy):
    first, second = Counting(), Counting()
    expected = document_vectors(first, toy)
    assert sum(map(len, first.calls)) == toy.n_documents
    assert np.array_equal(document_vectors(second, toy), expected)
    assert second.calls == []


class Slow(Counting):
    """Leaves others time to come in between."""

    def encode_documents(self, texts):
        time.sleep(0.01)
        return super().encode_documents(texts)


def test_those_who_ask_at_the_same_time_get_the_same_whole_vectors_encoded_once(toy):
    encoders = [Slow() for _ in range(4)]
    with ThreadPoolExecutor(len(encoders)) as pool:  # each opens a lock of its own, as processes do
        found = list(pool.map(lambda each: encode(each, toy.document_texts, kind="document"), encoders))
    assert all(np.array_equal(each, found[0]) for each in found)
    assert sum(len(texts) for each in encoders for texts in each.calls) == len(found[0]) == toy.n_documents


def test_encoding_and_joining_are_shown(toy):
    with showing(display := Watching()):
        document_vectors(Counting(), toy)
    assert [each[0] for each in display.tasks] == ["encoding documents", "joining vectors"]
    assert display.finished() == {"encoding documents", "joining vectors"}


def _damage(path, how):
    whole = path.read_bytes()
    if how == "fewer rows":
        np.save(path, np.load(path)[:-1])
    elif how == "no file at all":
        path.write_bytes(b"")
    else:
        path.write_bytes(whole[: {"cut in the header": 60, "cut in the vectors": len(whole) - 5}[how]])


@pytest.mark.parametrize("how", ["fewer rows", "no file at all", "cut in the header", "cut in the vectors"])
def test_a_damaged_store_is_encoded_anew_and_that_is_said(toy, how, caplog):
    before = np.array(encode(Counting(), toy.document_texts, kind="document"))
    path = next(cache_folder().glob("vectors/*/vectors.npy"))
    _damage(path, how)
    again = Counting()
    after = encode(again, toy.document_texts, kind="document")
    assert again.calls
    np.testing.assert_array_equal(before, after)
    assert f"{path} is cut or damaged" in caplog.text
    assert "encoded anew" in caplog.text


def test_a_block_cut_by_a_crash_is_encoded_anew(toy, monkeypatch):
    monkeypatch.setattr("hardneg.models.store.BLOCK", 3)
    before = np.array(encode(Counting(), toy.document_texts, kind="document"))
    path = next(cache_folder().glob("vectors/*/vectors.npy"))
    np.save(path.with_name("block-000000.npy"), before[:3])
    _damage(path.with_name("block-000000.npy"), "cut in the vectors")
    path.unlink()
    np.testing.assert_array_equal(before, encode(Counting(), toy.document_texts, kind="document"))


def test_queries_and_documents_another_encoder_and_other_texts_are_kept_apart(toy):
    texts = pl.Series(["one", "two"])
    seen = [
        encode(Counting(), texts, kind="document"),
        encode(Counting(), texts, kind="query"),
        encode(Counting("other"), texts, kind="document"),
        encode(Counting(), texts.reverse(), kind="document"),
        encode(Counting(), pl.Series(["on", "etwo"]), kind="document"),
    ]
    assert len({str(vectors.filename) for vectors in seen}) == len(seen)


def test_missing_texts_are_encoded_as_empty():
    encoder = Counting()
    encode(encoder, pl.Series(["a", None]), kind="document")
    assert encoder.calls == [["a", ""]]


def test_a_model_changed_under_its_old_name_is_encoded_anew_in_the_same_process(tmp_path, toy):
    texts = [*toy.query_texts, *toy.document_texts]
    found = []
    for seed in (0, 1):
        place = build_tiny_model(tmp_path, texts, seed=seed)
        found.append(document_vectors(load_encoder(place, precision="fp32", device="cpu"), toy))
    assert not np.array_equal(*found)


def test_interrupted_encoding_goes_on_after_the_last_finished_block(toy):
    interrupted, resumed = Counting(fails_after=3), Counting()
    with pytest.raises(KeyboardInterrupt):
        document_vectors(interrupted, toy)
    assert list(cache_folder().rglob("vectors.npy")) == []
    found = document_vectors(resumed, toy)
    texts = toy.document_texts.to_list()
    assert [text for call in interrupted.calls for text in call] == texts[:21]
    assert [text for call in resumed.calls for text in call] == texts[21:]
    monolith = np.array([len(text) for text in texts], dtype=np.float32)
    assert np.array_equal(found[:, 0], monolith)
    assert [path.name for path in cache_folder().rglob("*.npy")] == ["vectors.npy"]


def test_the_vector_of_a_query_has_the_same_bits_whichever_queries_are_asked_for():
    dataset, encoder = two_splits(), Counting()
    everything = query_vectors(encoder, dataset, np.arange(31, dtype=np.int32))
    assert (everything[:, 0] == 5 + np.arange(31) + 0.5).all()
    for chosen in ([4], [30], [29, 2, 3, 2], []):
        queries = np.array(chosen, dtype=np.int32)
        fresh = dataclasses.replace(encoder, fingerprint=str(chosen), calls=[])
        found = query_vectors(fresh, dataset, queries)
        assert np.array_equal(found, everything[queries] if chosen else np.empty((0, 0), np.float32))


def test_asking_for_test_queries_encodes_no_training_queries():
    dataset, encoder = two_splits(), Counting()
    query_vectors(encoder, dataset, dataset.queries_of("test"))
    assert sum(map(len, encoder.calls)) == 10


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({"HARDNEG_CACHE": "/a"}, "/a"), ({"XDG_CACHE_HOME": "/b"}, "/b/hardneg"), ({"HOME": "/c"}, "/c/.cache/hardneg")],
)
def test_the_cache_is_where_the_user_says_or_the_system_keeps_caches(monkeypatch, environment, expected):
    for name in ("HARDNEG_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(cache_folder()) == expected
