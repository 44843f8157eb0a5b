"""A model given as an object is that model, wherever a name would do."""

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from hardneg.errors import ModelError
from hardneg.models.given import named_model
from hardneg.models.sentence_transformer import load_encoder
from hardneg.models.store import cache_folder
from model_kinds import BUILDERS, build_decoder_model

TEXTS = ["open a file", "sort a list"]


@pytest.mark.parametrize("kind", BUILDERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("prompts", "default"), [({"query": "open "}, None), ({"any": "sort "}, "any")])
def test_a_loaded_model_is_kept_once_and_gives_its_own_vectors(kind, dtype, prompts, default, tmp_path):
    model = SentenceTransformer(str(BUILDERS[kind](tmp_path / "model", TEXTS)), device="cpu").to(dtype)
    model.prompts, model.default_prompt_name = prompts, default
    place = named_model(model)
    assert place.parent == cache_folder() / "models"
    assert named_model(model) == place
    assert model.prompts == prompts
    encoder, model = load_encoder(place, precision="fp32"), model.float()
    expected = [each(TEXTS, normalize_embeddings=True) for each in (model.encode_query, model.encode_document)]
    np.testing.assert_allclose(encoder.encode_queries(TEXTS), expected[0], atol=1e-5)
    np.testing.assert_allclose(encoder.encode_documents(TEXTS), expected[1], atol=1e-5)


def test_one_byte_of_a_weight_is_another_model(tmp_path):
    model = SentenceTransformer(str(build_decoder_model(tmp_path / "model", TEXTS)), device="cpu")
    before = named_model(model)
    with torch.no_grad():
        next(model.parameters()).view(-1)[0] += 1e-3
    assert named_model(model) != before


@pytest.mark.parametrize("given", [None, 5, ["model"], object(), SentenceTransformer])
def test_what_is_no_model_is_named_by_its_type(given):
    with pytest.raises(ModelError, match=f"train: a {type(given).__name__} is no model; give a Hub id"):
        named_model(given, purpose="train")


@pytest.mark.parametrize("given", ["", " "])
def test_an_empty_name_is_refused(given):
    with pytest.raises(ModelError, match="the name is empty"):
        named_model(given)
