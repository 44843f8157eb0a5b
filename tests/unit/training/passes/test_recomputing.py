"""Layers that are computed again on the way back, against those that keep everything."""

from dataclasses import replace

import pytest
import torch
from sentence_transformers import SentenceTransformer

from hardneg.errors import ModelError
from hardneg.training.loop import train
from hardneg.training.passes.recomputing import recompute_layers
from hardneg.training.settings import TrainSettings
from model_kinds import build_static_model
from stopping import weights
from tiny_model import build_tiny_model
from toy import toy_dataset, toy_negatives


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("dropout", [False, True])
def test_the_trained_weights_are_the_same(tmp_path, precision, dropout):
    toy = toy_dataset()
    start = build_tiny_model(tmp_path, [*toy.query_texts, *toy.document_texts])
    settings = TrainSettings(batch_size=8, learning_rate=1e-2, precision=precision, dropout=dropout, max_steps=3)
    train(start, toy, toy_negatives(), settings=settings, out=tmp_path / "kept")
    again = replace(settings, gradient_checkpointing=True)
    train(start, toy, toy_negatives(), settings=again, out=tmp_path / "again")
    assert weights(tmp_path / "kept") == weights(tmp_path / "again")


def test_layers_keep_less_for_the_way_back(tmp_path):
    model = SentenceTransformer(str(build_tiny_model(tmp_path, ["a b c"])), device="cpu").eval()

    def kept():
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            model(model.preprocess(["a b c"] * 50))
        return sum(sizes)

    before = kept()
    recompute_layers(model)
    assert kept() < before / 2


def test_a_model_without_layers_is_refused(tmp_path):
    model = SentenceTransformer(str(build_static_model(tmp_path, ["a b c"])), device="cpu")
    with pytest.raises(ModelError, match="'gradient_checkpointing' needs a transformer"):
        recompute_layers(model)
