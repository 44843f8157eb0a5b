import json
import shutil

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from hardneg.errors import ModelError
from hardneg.models.protocol import Encoder
from hardneg.models.sentence_transformer import as_encoder, load_encoder, load_model
from tiny_model import build_tiny_model


@pytest.fixture
def texts(toy):
    return toy.document_texts.to_list()


def test_vectors_are_those_of_sentence_transformers(folder, texts):
    encoder = load_encoder(folder, precision="fp32", device="cpu")
    assert isinstance(encoder, Encoder)
    expected = SentenceTransformer(str(folder), device="cpu").encode(texts, show_progress_bar=False)
    np.testing.assert_allclose(encoder.encode_documents(texts), expected, atol=1e-6)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_cosine_vectors_have_unit_length_in_every_precision(folder, texts, precision):
    vectors = load_encoder(folder, precision=precision, device="cpu").encode_documents(texts)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_dot_product_vectors_keep_their_length(folder, texts):
    model = load_model(folder, device="cpu")
    model.similarity_fn_name = "dot"
    del model[2]  # the module that normalises
    lengths = np.linalg.norm(as_encoder(model, precision="fp32").encode_documents(texts), axis=1)
    assert lengths.std() > 0.01


def test_each_tower_has_its_prompt_and_an_empty_one_takes_the_models_own_away(folder, texts, tmp_path):
    shutil.copytree(folder, tmp_path / "prompted")
    config = tmp_path / "prompted" / "config_sentence_transformers.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"prompts": {"query": "find: ", "document": ""}}))
    own = load_encoder(tmp_path / "prompted", precision="fp32", device="cpu")
    prefixed = own.encode_documents([f"find: {text}" for text in texts])
    np.testing.assert_allclose(own.encode_queries(texts), prefixed, atol=1e-6)
    given = load_encoder(tmp_path / "prompted", document_prompt="find: ", precision="fp32", device="cpu")
    np.testing.assert_allclose(given.encode_documents(texts), prefixed, atol=1e-6)
    none = load_encoder(tmp_path / "prompted", query_prompt="", precision="fp32", device="cpu")
    np.testing.assert_allclose(none.encode_queries(texts), own.encode_documents(texts), atol=1e-6)


def test_longer_texts_are_cut_at_max_tokens(folder):
    encoder = load_encoder(folder, max_tokens=4, precision="fp32", device="cpu")
    same = encoder.encode_documents(["be do", "be do go lo"])
    np.testing.assert_allclose(same[0], same[1], atol=1e-6)


def test_a_model_that_compares_by_a_distance_is_refused(folder):
    model = load_model(folder, device="cpu")
    model.similarity_fn_name = "euclidean"
    with pytest.raises(ModelError, match="compares by euclidean; hardneg needs cosine or dot"):
        as_encoder(model)


def test_a_broken_folder_is_one_clear_error(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        load_encoder(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_model_is_loaded_once_until_its_files_change(tmp_path, texts):
    first = load_encoder(build_tiny_model(tmp_path, texts, seed=0), precision="fp32", device="cpu")
    assert load_encoder(tmp_path / "tiny", precision="fp32", device="cpu") is first
    second = load_encoder(build_tiny_model(tmp_path, texts, seed=1), precision="fp32", device="cpu")
    assert second.fingerprint != first.fingerprint
    assert not np.array_equal(second.encode_queries(texts), first.encode_queries(texts))


def test_a_device_that_torch_was_built_without_is_one_clear_error(folder, monkeypatch):
    def lacking(*_, **__):
        raise AssertionError("Torch not compiled with CUDA enabled")

    monkeypatch.setattr("hardneg.models.sentence_transformer.SentenceTransformer", lacking)
    with pytest.raises(ModelError, match="cannot be loaded: Torch not compiled with CUDA enabled"):
        load_model(folder, device="cuda")
