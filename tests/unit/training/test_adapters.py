"""Training of LoRA adapters, as sentence-transformers saves and loads them."""

import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from sentence_transformers import SentenceTransformer

from hardneg.errors import Interrupted, ModelError, RecipeError
from hardneg.models.fingerprint import fingerprint
from hardneg.models.sentence_transformer import as_encoder
from hardneg.progress import showing
from hardneg.training.inputs import load_for_training
from hardneg.training.loop import train
from hardneg.training.lora import LoRA
from hardneg.training.settings import TrainSettings
from hardneg.training.watch.settings import Watch
from stopping import StopAtOnce
from tiny_model import build_tiny_model
from toy import toy_dataset, toy_negatives

SETTINGS = TrainSettings(batch_size=8, learning_rate=1e-2, precision="fp32", query_prompt="find: ")


@pytest.fixture(scope="module")
def toy():
    return toy_dataset()


@pytest.fixture(scope="module")
def start(tmp_path_factory, toy):
    """A folder that holds an adapter only; it names the folder of the weights below."""
    peft = pytest.importorskip("peft")
    folder = tmp_path_factory.mktemp("adapter")
    texts = [*toy.query_texts, *toy.document_texts, "find:"]
    model = SentenceTransformer(str(build_tiny_model(folder, texts)), device="cpu")
    torch.manual_seed(0)
    model.add_adapter(peft.LoraConfig(task_type="FEATURE_EXTRACTION", r=2, target_modules=["query", "value"]))
    model.save_pretrained(str(folder / "lora"), create_model_card=False)
    return folder / "lora"


def test_only_the_adapter_moves_and_the_saved_folder_gives_the_same_vectors(start, toy, tmp_path):
    before = SentenceTransformer(str(start), device="cpu")
    trained = train(start, toy, toy_negatives(), settings=SETTINGS, out=tmp_path / "run")
    after = SentenceTransformer(str(trained.path), device="cpu")
    moved = {n for n, v in after.state_dict().items() if not torch.equal(v, before.state_dict()[n])}
    assert moved == {name for name in after.state_dict() if "lora_" in name}
    assert after.prompts["query"] == "find: "
    assert not (trained.path / "model.safetensors").exists()

    kept = load_for_training(trained.path, SETTINGS, device=torch.device("cpu"))
    assert fingerprint(kept) == fingerprint(after) != fingerprint(before)
    texts = toy.document_texts.to_list()
    ours = as_encoder(kept, precision="fp32").encode_documents(texts)
    torch.testing.assert_close(torch.from_numpy(ours), after.encode_document(texts, convert_to_tensor=True))


def test_a_stopped_run_goes_on_to_the_same_adapter(start, toy, tmp_path):
    whole = train(start, toy, toy_negatives(), settings=SETTINGS, out=tmp_path / "whole")
    with showing(StopAtOnce()), pytest.raises(Interrupted):
        train(start, toy, toy_negatives(), settings=SETTINGS, out=tmp_path / "stopped")
    resumed = train(start, toy, toy_negatives(), settings=SETTINGS, out=tmp_path / "stopped")
    saved = [(path / "adapter_model.safetensors").read_bytes() for path in (whole.path, resumed.path)]
    assert saved[0] == saved[1]


@pytest.mark.parametrize("watch", [None, Watch(split="dev", keep="best", every=2)])
def test_merged_adapters_give_the_vectors_of_those_beside_the_weights(start, toy, tmp_path, watch):
    settings = replace(SETTINGS, lora=LoRA(rank=4), max_steps=4, watch=watch)
    kept = pl.when(pl.col("query") < 6).then(pl.lit("dev")).otherwise("split")
    toy = toy.with_labels(toy.qrels.with_columns(split=kept))
    texts = toy.document_texts.to_list()
    beside = train(start.parent / "tiny", toy, toy_negatives(), settings=settings, out=tmp_path / "beside")
    merged = train(
        start.parent / "tiny",
        toy,
        toy_negatives(),
        settings=replace(settings, merge_adapters=True),
        out=tmp_path / "run",
    )
    names = {path.name for path in merged.path.iterdir()}
    assert "model.safetensors" in names
    assert not any("adapter" in name for name in names)
    ours, theirs = (SentenceTransformer(str(each.path), device="cpu").encode(texts) for each in (merged, beside))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    if watch is None:  # else the best may be what training began with
        before = SentenceTransformer(str(start.parent / "tiny"), device="cpu").encode(texts)
        assert not np.allclose(ours, before, atol=1e-3)


def test_without_adapters_there_is_nothing_to_merge(start, toy, tmp_path):
    with pytest.raises(RecipeError, match="merge_adapters has no adapters to merge"):
        train(start.parent / "tiny", toy, settings=replace(SETTINGS, merge_adapters=True), out=tmp_path / "run")


def test_a_frozen_model_without_an_adapter_is_refused(start, toy, tmp_path, monkeypatch):
    shutil.copytree(start.parent / "tiny", tmp_path / "tiny")
    load = SentenceTransformer.__init__

    def frozen(self, *arguments, **options):
        load(self, *arguments, **options)
        self.requires_grad_(False)

    monkeypatch.setattr(SentenceTransformer, "__init__", frozen)
    with pytest.raises(ModelError, match="frozen and it has no adapter"):
        train(tmp_path / "tiny", toy, settings=SETTINGS, out=tmp_path / "run")
