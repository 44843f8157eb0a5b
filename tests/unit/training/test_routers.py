"""A `Router` whose queries are looked up and whose documents go through a transformer: each tower by its own means."""

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Router

from hardneg.models.features import tokenise
from hardneg.models.sentence_transformer import as_encoder, load_encoder, load_model
from hardneg.models.towers import token_limit
from hardneg.training.loop import train
from hardneg.training.passes.embedding import TwoTowers, cutting_texts
from hardneg.training.settings import TrainSettings
from model_kinds import build_static_model
from tiny_model import build_tiny_model
from toy import toy_dataset, toy_negatives

TOY = toy_dataset()
LONG = [f"{text} " * 8 for text in TOY.document_texts]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("routed")
    texts = [*TOY.query_texts, *TOY.document_texts]
    static = SentenceTransformer(str(build_static_model(root / "static", texts)), device="cpu")
    tower = SentenceTransformer(str(build_tiny_model(root / "document", texts)), device="cpu")
    routed = Router.for_query_document(query_modules=list(static), document_modules=list(tower)[:2])
    model = SentenceTransformer(modules=[routed, Normalize()], device="cpu")
    model.save_pretrained(str(root / "model"), create_model_card=False)
    return root / "model"


def test_max_tokens_reaches_both_towers_for_as_long_as_it_is_asked_for(folder):
    model = load_model(folder, device="cpu")
    before = token_limit(model, "query"), token_limit(model, "document")
    assert before == (None, 64)
    whole = model.encode_document(LONG)
    with cutting_texts(model, 6):
        assert (token_limit(model, "query"), token_limit(model, "document")) == (6, 6)
        cut = model.encode_document(LONG)
        assert not np.allclose(cut, whole, atol=1e-3)
        assert tokenise(model, LONG, kind="document", prompt=None).n_tokens.max() == 6
    assert (token_limit(model, "query"), token_limit(model, "document")) == before
    np.testing.assert_allclose(
        load_encoder(folder, max_tokens=6, precision="fp32").encode_documents(LONG), cut, atol=1e-5
    )


def test_cache_tokens_cuts_the_transformer_tower_into_chunks_and_leaves_the_static_one_whole(folder):
    towers = TwoTowers(load_model(folder, device="cpu"), query_prompt=None, document_prompt=None, bf16=False)
    chunks = towers.cut(TOY.query_texts.to_list(), LONG, max_tokens=128)
    of_queries = [chunk for chunk in chunks if len(chunk.queries)]
    of_documents = [chunk for chunk in chunks if len(chunk.documents)]
    assert len(of_queries) == 1
    assert len(of_documents) > 5


def test_vectors_of_both_towers_are_those_of_the_library(folder):
    model, texts = load_model(folder, device="cpu"), TOY.query_texts.to_list()
    encoder = as_encoder(model, precision="fp32")
    plain = SentenceTransformer(str(folder), device="cpu")
    np.testing.assert_allclose(encoder.encode_queries(texts), plain.encode_query(texts), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_documents(LONG), plain.encode_document(LONG), atol=1e-5)


def test_the_gradient_cache_trains_what_whole_batches_train(folder, tmp_path):
    common = {"batch_size": 8, "precision": "fp32", "max_steps": 4, "learning_rate": 1e-3}
    found = []
    for name, more in (("whole", {}), ("cached", {"cache_tokens": 64})):
        settings = TrainSettings(**common, **more)
        trained = train(folder, TOY, toy_negatives(), settings=settings, out=tmp_path / name)
        found.append(SentenceTransformer(str(trained.path), device="cpu").state_dict())
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], atol=1e-4, rtol=1e-3)
