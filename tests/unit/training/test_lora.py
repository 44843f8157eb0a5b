"""Adapters that a setting asks for: what learns, what is saved, what is refused."""

import os
import sys

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense

from hardneg.errors import Interrupted, MissingExtraError, ModelError, RecipeError, RunError
from hardneg.models.sentence_transformer import load_encoder
from hardneg.pipeline.mining import mine
from hardneg.progress import showing
from hardneg.sources import Dense as DenseSource
from hardneg.training.inputs import load_for_training
from hardneg.training.loop import train
from hardneg.training.lora import LoRA
from hardneg.training.settings import TrainSettings
from model_kinds import BUILDERS
from stopping import StopAtOnce
from toy import toy_dataset, toy_negatives

pytest.importorskip("peft")
TOY = toy_dataset()
WORDS = [*TOY.query_texts, *TOY.document_texts, "find:"]


def settings(**changes):
    return TrainSettings(
        **{"batch_size": 8, "learning_rate": 1e-2, "precision": "fp32", "lora": LoRA(rank=2)} | changes
    )


@pytest.fixture(scope="module", params=["encoder", "decoder"])
def folder(request, tmp_path_factory):
    return BUILDERS[request.param](tmp_path_factory.mktemp(request.param) / "model", WORDS)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return BUILDERS["encoder"](tmp_path_factory.mktemp("only") / "model", WORDS)


def test_only_the_adapters_move_and_the_saved_folder_loads_in_plain_sentence_transformers(folder, tmp_path):
    lora = LoRA(rank=2, alpha=8)
    trained = train(folder, TOY, toy_negatives(), settings=settings(lora=lora, query_prompt="find: "), out=tmp_path)
    before = SentenceTransformer(str(folder), device="cpu").state_dict()
    after = SentenceTransformer(str(trained.path), device="cpu")
    below = {name: value for name, value in after.state_dict().items() if "lora_" not in name}
    assert {name.replace(".base_layer", "") for name in below} == set(before)
    assert all(torch.equal(value, before[name.replace(".base_layer", "")]) for name, value in below.items())
    moved = [v for n, v in after.state_dict().items() if "lora_B" in n and v.abs().max() > 0]  # B begins as zero
    assert moved
    assert {tuple(value.shape)[1] for value in moved} == {2}
    config = after.transformers_model.peft_config["default"]
    assert (config.r, config.lora_alpha) == (2, 8)
    assert after.prompts["query"] == "find: "
    assert not (trained.path / "model.safetensors").exists()
    kept = load_for_training(trained.path, settings(lora=None), device=torch.device("cpu"))
    np.testing.assert_allclose(kept.encode(WORDS[:9]), after.encode(WORDS[:9]), atol=1e-6)


def test_named_targets_alone_get_adapters(encoder, tmp_path):
    lora = LoRA(rank=2, targets=("query", "value"))
    trained = train(encoder, TOY, toy_negatives(), settings=settings(lora=lora), out=tmp_path)
    names = [n for n in SentenceTransformer(str(trained.path), device="cpu").state_dict() if "lora_" in n]
    assert {name.split(".")[-4] for name in names} == {"query", "value"}


def test_a_saved_adapter_finds_the_model_below_from_any_working_directory(encoder, tmp_path, monkeypatch):
    monkeypatch.chdir(encoder.parent)
    trained = train(os.path.relpath(encoder), TOY, toy_negatives(), settings=settings(), out=tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    mined = mine(TOY, sources=[DenseSource(model=str(trained.path))], filters=(), depth=10)
    assert mined.negatives.height == 24 * 8
    assert load_encoder(trained.path).fingerprint != load_encoder(encoder).fingerprint


def test_the_same_seed_gives_the_same_adapter_also_after_a_stop(encoder, tmp_path):
    whole = train(encoder, TOY, toy_negatives(), settings=settings(dropout=True), out=tmp_path / "whole")
    with showing(StopAtOnce()), pytest.raises(Interrupted):
        train(encoder, TOY, toy_negatives(), settings=settings(dropout=True), out=tmp_path / "stopped")
    torch.rand(1)  # whatever else draws random numbers in between
    resumed = train(encoder, TOY, toy_negatives(), settings=settings(dropout=True), out=tmp_path / "stopped")
    other = train(encoder, TOY, toy_negatives(), settings=settings(dropout=True, seed=1), out=tmp_path / "other")
    saved = [(each.path / "adapter_model.safetensors").read_bytes() for each in (whole, resumed, other)]
    assert saved[0] == saved[1] != saved[2]


def test_modules_after_the_transformer_stay_as_they_are(encoder, tmp_path):
    model = SentenceTransformer(str(encoder), device="cpu")
    model.append(Dense(32, 8))
    model.save_pretrained(str(tmp_path / "start"), create_model_card=False)
    trained = train(tmp_path / "start", TOY, toy_negatives(), settings=settings(), out=tmp_path / "run")
    after = SentenceTransformer(str(trained.path), device="cpu")
    assert torch.equal(after[-1].linear.weight, model[-1].linear.weight)


def test_a_model_that_came_with_the_same_adapter_goes_on_with_it(encoder, tmp_path):
    first = train(encoder, TOY, toy_negatives(), settings=settings(), out=tmp_path / "first")
    second = train(first.path, TOY, toy_negatives(), settings=settings(), out=tmp_path / "second")
    one, two = (SentenceTransformer(str(each.path), device="cpu").state_dict() for each in (first, second))
    moved = {name for name in one if not torch.equal(one[name], two[name])}
    assert moved
    assert all("lora_" in name for name in moved)
    with pytest.raises(ModelError, match=r"adapter of its own \(r 2, .*asks for another \(r 4"):
        train(first.path, TOY, toy_negatives(), settings=settings(lora=LoRA(rank=4)), out=tmp_path / "third")


def test_another_rank_is_another_run(encoder, tmp_path):
    train(encoder, TOY, toy_negatives(), settings=settings(), out=tmp_path)
    with pytest.raises(RunError, match="other inputs: lora"):
        train(encoder, TOY, toy_negatives(), settings=settings(lora=LoRA(rank=2, alpha=1)), out=tmp_path)


def test_a_layer_that_is_not_there_is_refused_with_those_that_are(encoder, tmp_path):
    lora = LoRA(targets=("q_proj", "v_proj"))
    with pytest.raises(ModelError, match=r"no layer is called 'q_proj' or 'v_proj'; linear layers: dense, key, query"):
        train(encoder, TOY, settings=settings(lora=lora), out=tmp_path)


def test_static_embeddings_take_no_adapters(tmp_path):
    folder = BUILDERS["static"](tmp_path / "model", WORDS)
    with pytest.raises(ModelError, match="needs a transformer, and this model is none"):
        train(folder, TOY, settings=settings(), out=tmp_path / "run")


def test_without_peft_the_setting_is_refused_with_what_to_install(encoder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"'lora' needs peft: pip install 'hardneg\[peft\]'"):
        train(encoder, TOY, settings=settings(), out=tmp_path)


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"alpha": 0}])
def test_a_value_outside_its_range_is_refused_by_name(wrong):
    with pytest.raises(RecipeError, match=f"lora: {next(iter(wrong))} must be"):
        LoRA(**wrong)
