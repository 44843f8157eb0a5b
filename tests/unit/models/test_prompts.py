import json
import shutil

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from hardneg.models.sentence_transformer import as_encoder, load_encoder, load_model
from hardneg.models.towers import prompt_of
from hardneg.training.loop import train
from hardneg.training.settings import TrainSettings

# What models on the Hub keep in config_sentence_transformers.json: prompts, and the name of the default.
KEPT = [
    ({}, None),
    ({"query": "find: ", "document": "a: "}, None),
    ({"query": "find: ", "passage": "a: "}, None),
    ({"query": "find: ", "corpus": "a: "}, None),
    ({"query": "find: "}, "query"),
    ({"query": "find: ", "document": ""}, "query"),
    ({"query": "", "document": ""}, None),
    ({"any": "find: "}, "any"),
    ({"query": "find: ", "any": "a: "}, "any"),
    ({"passage": "a: "}, "passage"),
]


def _kept(folder, to, prompts, default):
    shutil.copytree(folder, to)
    config = to / "config_sentence_transformers.json"
    changed = json.loads(config.read_text()) | {"prompts": prompts, "default_prompt_name": default}
    config.write_text(json.dumps(changed))
    return to


def _by_library(place, texts):
    model = SentenceTransformer(str(place), device="cpu")
    return model.encode_query(texts), model.encode_document(texts)


@pytest.mark.parametrize(("prompts", "default"), KEPT)
def test_vectors_are_those_of_encode_query_and_encode_document_whatever_prompts_a_model_keeps(
    folder, toy, tmp_path, prompts, default
):
    place, texts = _kept(folder, tmp_path / "model", prompts, default), toy.document_texts.to_list()
    encoder = load_encoder(place, precision="fp32", device="cpu")
    query, document = _by_library(place, texts)
    np.testing.assert_allclose(encoder.encode_queries(texts), query, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_documents(texts), document, atol=1e-5)


@pytest.mark.parametrize(("prompts", "default"), KEPT)
def test_prompts_set_in_memory_follow_the_same_rules(folder, toy, prompts, default):
    model, texts = load_model(folder, device="cpu"), toy.document_texts.to_list()
    model.prompts, model.default_prompt_name = dict(prompts), default
    encoder = as_encoder(model, precision="fp32")
    np.testing.assert_allclose(encoder.encode_queries(texts), model.encode_query(texts), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_documents(texts), model.encode_document(texts), atol=1e-5)


def test_a_model_with_a_method_of_its_own_is_asked_by_that_method(folder):
    class Own(SentenceTransformer):
        def encode_query(self, inputs, **options):
            return self.encode(inputs, prompt=f"{self.prompts['query']}own: ", **options)

    model = Own(str(folder), device="cpu", prompts={"query": "my "})
    assert prompt_of(model, "query") == "my own: "
    assert prompt_of(model, "document") is None


@pytest.mark.parametrize(("prompts", "default"), KEPT)
@pytest.mark.parametrize("given", [{}, {"document_prompt": "list "}, {"query_prompt": "", "document_prompt": "list "}])
def test_a_trained_model_used_by_the_library_is_what_was_trained(folder, toy, tmp_path, prompts, default, given):
    place = _kept(folder, tmp_path / "model", prompts, default)
    settings = TrainSettings(max_steps=1, batch_size=4, precision="fp32", **given)
    trained = train(place, toy, settings=settings, out=tmp_path / "out")
    start = load_encoder(place, precision="fp32", device="cpu", **given)
    wanted = {"query": start.prompts["query"] or "", "document": start.prompts["document"] or ""}
    kept = json.loads((trained.path / "config_sentence_transformers.json").read_text())["prompts"]
    assert {kind: kept[kind] for kind in wanted} == wanted
    after = load_encoder(trained.path, precision="fp32", device="cpu")
    assert after.prompts == start.prompts
    texts = toy.document_texts.to_list()
    query, document = _by_library(trained.path, texts)
    np.testing.assert_allclose(after.encode_queries(texts), query, atol=1e-5)
    np.testing.assert_allclose(after.encode_documents(texts), document, atol=1e-5)
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    assert record["result"]["reading"]["prompts"] == wanted == trained.reading["prompts"]
