"""Static embeddings, encoders and decoders train, encode and mine alike."""

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from hardneg.models.fingerprint import fingerprint
from hardneg.models.sentence_transformer import as_encoder, load_encoder, load_model
from hardneg.models.towers import limit_tokens, token_limit
from hardneg.pipeline.mining import mine
from hardneg.sources import Dense
from hardneg.training.folder import TrainingFolder
from hardneg.training.loop import train
from hardneg.training.passes.embedding import cutting_texts, embed
from hardneg.training.settings import TrainSettings
from model_kinds import BUILDERS, build_decoder_model
from toy import toy_dataset, toy_negatives

TOY = toy_dataset()
WORDS = [*TOY.query_texts, *TOY.document_texts, "find: among:"]
SETTINGS = TrainSettings(batch_size=8, learning_rate=1e-2, epochs=2, precision="fp32", max_tokens=8)


@pytest.fixture(scope="module", params=BUILDERS)
def folder(request, tmp_path_factory):
    return BUILDERS[request.param](tmp_path_factory.mktemp(request.param) / "model", WORDS)


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """A decoder that was saved in bfloat16, as most are."""
    return build_decoder_model(tmp_path_factory.mktemp("half") / "model", WORDS, dtype=torch.bfloat16)


def test_what_is_trained_loads_in_plain_sentence_transformers_with_prompts_and_its_own_limit(folder, tmp_path):
    prompted = TrainSettings(**vars(SETTINGS) | {"query_prompt": "find: ", "document_prompt": "among: "})
    trained = train(folder, TOY, toy_negatives(), settings=prompted, out=tmp_path)
    before, after = (SentenceTransformer(str(path), device="cpu") for path in (folder, trained.path))
    moved = [n for n, v in after.named_parameters() if not torch.equal(v, before.state_dict()[n])]
    assert len(moved) >= 0.8 * len(list(after.parameters()))
    assert after.prompts == {"query": "find: ", "document": "among: "}
    assert token_limit(after) == token_limit(before)
    texts = TOY.query_texts.to_list()
    expected = after.encode([f"find: {text}" for text in texts], prompt="", normalize_embeddings=True)
    found = load_encoder(trained.path, precision="fp32", device="cpu").encode_queries(texts)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_loss_falls(folder, tmp_path):
    settings = TrainSettings(**vars(SETTINGS) | {"epochs": 6})
    trained = train(folder, TOY, toy_negatives(), settings=settings, out=tmp_path)
    losses = [record["loss"] for record in TrainingFolder(tmp_path).records()]
    assert trained.loss < 0.8 * losses[0]


def test_a_vector_does_not_depend_on_the_texts_beside_it(folder):
    model = SentenceTransformer(str(folder), device="cpu")
    texts = TOY.document_texts.to_list()
    alone = torch.cat([model.encode([text], convert_to_tensor=True) for text in texts])
    for chunk_tokens in (1, 40, 10**6):
        found = embed(model, texts, kind="document", prompt=None, chunk_tokens=chunk_tokens)
        torch.testing.assert_close(found.detach(), alone, atol=1e-5, rtol=1e-5)
    ours = as_encoder(model, precision="fp32").encode_documents(texts)
    np.testing.assert_allclose(ours, torch.nn.functional.normalize(alone, dim=1), atol=1e-5)


def test_mining_finds_what_brute_force_over_its_vectors_finds(folder):
    mined = mine(TOY, sources=[Dense(model=str(folder), precision="fp32")], filters=(), depth=40).negatives
    model = SentenceTransformer(str(folder), device="cpu")
    queries, documents = (
        model.encode(texts.to_list(), normalize_embeddings=True) for texts in (TOY.query_texts, TOY.document_texts)
    )
    scores = queries @ documents.T
    pairs = [(query, document) for query in range(24) for document in range(40)]
    answers = TOY.is_answer(*(np.array(side, np.int32) for side in zip(*pairs, strict=True))).reshape(24, 40)
    scores[answers] = -np.inf
    for query in range(24):
        best = scores[query, mined.filter(mined["query"] == query)["document"].to_numpy()]
        np.testing.assert_allclose(np.sort(best), np.sort(scores[query])[-8:], atol=1e-5)


def test_texts_are_cut_for_as_long_as_it_is_asked_for(folder):
    model, text = load_model(folder, device="cpu"), " ".join(TOY.document_texts)
    own, whole = token_limit(model), model.encode(text)
    with cutting_texts(model, 4):
        assert token_limit(model) == 4
        assert not np.allclose(model.encode(text), whole, atol=1e-3)
    assert token_limit(model) == own
    np.testing.assert_array_equal(model.encode(text), whole)


def test_the_limit_decides_the_fingerprint(folder):
    model = load_model(folder, device="cpu")
    before = fingerprint(model)
    limit_tokens(model, 4)
    assert fingerprint(model) != before


def test_a_model_saved_in_half_precision_trains_in_float32(half, tmp_path):
    slow = TrainSettings(**vars(SETTINGS) | {"learning_rate": 1e-6})
    trained = train(half, TOY, toy_negatives(), settings=slow, out=tmp_path)
    before, after = (SentenceTransformer(str(path), device="cpu") for path in (half, trained.path))
    assert after.dtype == torch.float32
    moved = [n for n, v in after.named_parameters() if not torch.equal(v, before.state_dict()[n].float())]
    assert len(moved) >= 0.8 * len(list(after.parameters()))  # in bfloat16 such small moves round to none


def test_an_encoder_multiplies_in_the_precision_that_its_fingerprint_names(half):
    texts = TOY.query_texts.to_list()
    expected = SentenceTransformer(str(half), device="cpu").float().encode(texts)
    found = load_encoder(half, precision="fp32", device="cpu").encode_queries(texts)
    np.testing.assert_allclose(found, expected, atol=1e-6)
