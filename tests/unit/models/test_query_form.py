"""A model says in which form it reads queries, and is asked in no other."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from sentence_transformers import SentenceTransformer

from hardneg.data.dataset import Dataset
from hardneg.data.query_form import in_form
from hardneg.errors import DatasetError, ModelError
from hardneg.models.own_code import CONFIG, read_query_form, write_query_form
from hardneg.models.sentence_transformer import load_encoder
from hardneg.models.store import query_vectors
from hardneg.training.loop import train
from hardneg.training.settings import TrainSettings
from tiny_model import build_tiny_model

SETTINGS = TrainSettings(epochs=1, batch_size=2, precision="fp32")


def talk() -> Dataset:
    queries = {
        "id": ["q0", "q1", "q2"],
        "text": ["is it clean", "is it far", "is it clean"],
        "history": [["user: a hotel", "assistant: hobsons"], [], ["user: a hotel", "assistant: allenbell"]],
    }
    documents = {"id": ["d0", "d1", "d2"], "text": ["hobsons is clean", "far away", "allenbell is clean"]}
    qrels = {"query_id": ["q0", "q1", "q2"], "doc_id": ["d0", "d1", "d2"], "relevance": 1, "split": "train"}
    return Dataset.from_tables(pl.DataFrame(queries), pl.DataFrame(documents), pl.DataFrame(qrels), name="talk")


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory):
    texts = [*in_form(talk(), "history").query_texts, *talk().document_texts]
    return build_tiny_model(tmp_path_factory.mktemp("model"), texts)


@pytest.fixture
def plain(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "plain")


def test_a_recorded_form_is_read_back_and_sentence_transformers_loads_the_folder(plain):
    before = SentenceTransformer(str(plain), device="cpu").encode(["is it clean"])
    assert read_query_form(str(plain)) is None
    write_query_form(plain, "history")
    assert read_query_form(str(plain)) == "history"
    np.testing.assert_array_equal(SentenceTransformer(str(plain), device="cpu").encode(["is it clean"]), before)


def test_a_trained_model_names_the_form_of_its_dataset(plain, tmp_path):
    for form in (None, "last_turns(k=2)"):
        data = talk() if form is None else in_form(talk(), form)
        trained = train(plain, data, settings=SETTINGS, out=tmp_path / f"out-{form}")
        assert read_query_form(str(trained.path)) == (form or "last")


def test_a_model_gets_queries_in_its_own_form_whatever_that_of_the_dataset(plain):
    write_query_form(plain, "history")
    encoder = load_encoder(plain, precision="fp32", device="cpu")
    queries = np.arange(3, dtype=np.int32)
    expected = encoder.encode_queries(in_form(talk(), "history").query_texts.to_list())
    for form in ("last", "last_turns(k=2)", "history"):
        np.testing.assert_array_equal(query_vectors(encoder, in_form(talk(), form), queries), expected)


def test_a_model_without_a_form_gets_the_queries_as_they_are(plain):
    encoder = load_encoder(plain, precision="fp32", device="cpu")
    data = in_form(talk(), "last_turns(k=2)")
    expected = encoder.encode_queries(data.query_texts.to_list())
    np.testing.assert_array_equal(query_vectors(encoder, data, np.arange(3, dtype=np.int32)), expected)


def test_a_dataset_without_the_turns_is_refused(plain, tiny):
    write_query_form(plain, "history")
    encoder = load_encoder(plain, precision="fp32", device="cpu")
    with pytest.raises(DatasetError, match="needs the column 'history', which the queries of tiny lack"):
        query_vectors(encoder, tiny, np.arange(4, dtype=np.int32))


def test_training_goes_on_in_the_same_form_only(plain, tmp_path, tiny):
    write_query_form(plain, "history")
    train(plain, in_form(talk(), "history"), settings=SETTINGS, out=tmp_path / "same")
    with pytest.raises(
        ModelError, match="trained on queries of the form 'history', those of talk have the form 'last'"
    ):
        train(plain, talk(), settings=SETTINGS, out=tmp_path / "other")
    with pytest.raises(ModelError, match="those of tiny have no history"):
        train(plain, tiny, settings=SETTINGS, out=tmp_path / "none")


def test_a_broken_config_is_named(plain):
    (plain / CONFIG).write_text("{")
    with pytest.raises(ModelError, match=r"config_sentence_transformers\.json cannot be read"):
        read_query_form(str(plain))
    (plain / CONFIG).write_text(json.dumps([]))
    with pytest.raises(ModelError, match="cannot be read"):
        read_query_form(str(plain))
