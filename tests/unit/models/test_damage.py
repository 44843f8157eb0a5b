"""A model that cannot be loaded: one line that says why, and what to do."""

import json
import shutil
import time
from contextlib import suppress

import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer

from hardneg.errors import ModelError
from hardneg.models.sentence_transformer import load_encoder, load_model

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 90868376\n"


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "model")


def _refused(place, **options):
    with pytest.raises(ModelError) as refused:
        load_model(place, device="cpu", **options)
    message = str(refused.value)
    assert "\n" not in message
    assert str(place) in message
    return message


@pytest.mark.parametrize("cut", [0, 4, 100, -1])
def test_cut_weights_are_said_to_be_cut(copy, cut):
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:cut])
    assert f"{weights} is damaged or cut" in _refused(copy)


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_git_lfs_pointer_is_called_one(copy, file):
    (copy / file).write_bytes(POINTER)
    message = _refused(copy)
    assert f"{copy / file} is a Git LFS pointer" in message
    assert "git lfs pull" in message


@pytest.mark.parametrize("content", [POINTER, b"no weights", b""])
def test_the_same_holds_for_weights_of_torch(copy, content):
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(content)
    message = _refused(copy)
    assert "Git LFS pointer" in message if content is POINTER else "holds no weights" in message


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "modules.json", "tokenizer.json"])
def test_a_missing_or_garbled_file_is_one_error(copy, file):
    (copy / file).write_text("{")
    assert str(copy) in _refused(copy)
    (copy / file).unlink()
    with suppress(ModelError):  # the library does without some of them, and says nothing else of the others
        load_model(copy, device="cpu")


def test_adapters_whose_base_is_gone_name_the_base(copy, tmp_path):
    pytest.importorskip("peft")
    from peft import LoraConfig

    model = SentenceTransformer(str(copy), device="cpu")
    model.transformers_model.name_or_path = str(copy)
    model.add_adapter(LoraConfig(task_type="FEATURE_EXTRACTION", r=2, target_modules="all-linear"))
    model.save_pretrained(str(tmp_path / "adapted"), create_model_card=False)
    base = json.loads((tmp_path / "adapted" / "adapter_config.json").read_text())["base_model_name_or_path"]
    load_model(tmp_path / "adapted", device="cpu")
    shutil.rmtree(copy)
    message = _refused(tmp_path / "adapted")
    assert f"the base {base} is not there" in message
    assert "base_model_name_or_path" in message


def test_a_misspelt_folder_is_no_hub_name_that_cannot_be_reached(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "models" / "static").mkdir(parents=True)
    with pytest.raises(ModelError, match=r"no folder models/statik \(there is models/static\); for a Hub name"):
        load_model("models/statik", device="cpu")
    with pytest.raises(ModelError, match=r"no folder nobody/nothing; for a Hub name"):
        load_model("nobody/nothing", device="cpu")


def _with_own_code(folder):
    """A model whose first module is a class in a file beside it, as some on the Hub have."""
    (folder / "own.py").write_text(
        "from sentence_transformers.sentence_transformer.modules import Pooling\n\n\n"
        "class Own(Pooling):\n"
        "    def forward(self, features, **options):\n"
        "        found = super().forward(features, **options)\n"
        "        found['sentence_embedding'] = found['sentence_embedding'] * 1.0\n"
        "        return found\n"
    )
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = "own.Own"
    (folder / "modules.json").write_text(json.dumps(modules))
    return folder


def test_code_of_a_models_own_runs_only_when_it_is_trusted_and_counts(copy, folder, tmp_path):
    with_code = _with_own_code(copy)
    message = _refused(with_code)
    assert "trust_remote_code = true" in message
    assert "trust_remote_code = true" in message
    first = load_encoder(with_code, precision="fp32", device="cpu", trust_remote_code=True)
    assert first.encode_queries(["open a file"]).shape == (1, 32)
    other = shutil.copytree(with_code, tmp_path / "other")
    (other / "own.py").write_text((other / "own.py").read_text().replace("* 1.0", "* 1.0 + 1.0"))
    second = load_encoder(other, precision="fp32", device="cpu", trust_remote_code=True)
    plain = load_encoder(folder, precision="fp32", device="cpu")
    assert len({each.fingerprint for each in (first, second, plain)}) == 3


def test_cut_vectors_are_those_of_the_library_at_unit_length_under_cosine(folder):
    import numpy as np

    texts = ["open a file", "sort a list"]
    cut = load_encoder(folder, precision="fp32", device="cpu", truncate_dim=8)
    wanted = SentenceTransformer(str(folder), device="cpu", truncate_dim=8)
    np.testing.assert_allclose(
        cut.encode_queries(texts), wanted.encode_query(texts, normalize_embeddings=True), atol=1e-6
    )
    assert not np.allclose(np.linalg.norm(wanted.encode_query(texts), axis=1), 1)
    assert cut.fingerprint != load_encoder(folder, precision="fp32", device="cpu").fingerprint
    with pytest.raises(ModelError, match="32 dimensions; truncate_dim is 33"):
        load_encoder(folder, device="cpu", truncate_dim=33)


def test_torch_is_asked_for_no_pickle(copy):
    """A pickle that is no state of a model is one error too."""
    (copy / "model.safetensors").unlink()
    torch.save(["not", "weights"], copy / "pytorch_model.bin")
    _refused(copy)


def test_a_tokenizer_that_breaks_down_while_it_works_is_one_error(copy):
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    tokenizer["post_processor"]["special_tokens"].pop("[SEP]")
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ModelError):
        load_encoder(copy, precision="fp32", device="cpu").encode_queries(["open a file"])


def test_weights_that_are_missing_are_never_drawn_at_random(copy):
    path = copy / "model.safetensors"
    weights = load_file(path)
    del weights["embeddings.token_type_embeddings.weight"]
    save_file(weights, path, {"format": "pt"})
    message = _refused(copy)
    assert "embeddings.token_type_embeddings.weight" in message
    assert "drawn at random" in message


def test_a_pooler_that_no_vector_comes_from_may_be_missing(copy):
    path = copy / "model.safetensors"
    weights = {name: value for name, value in load_file(path).items() if "pooler" not in name}
    save_file(weights, path, {"format": "pt"})
    load_model(copy, device="cpu")


def test_a_model_without_its_tokenizer_is_refused(copy):
    for file in copy.glob("tokenizer*"):
        file.unlink()
    assert "tokenizer knows no words" in _refused(copy)


@pytest.mark.parametrize("missing", ["1_Pooling/config.json", "1_Pooling", "model.safetensors"])
def test_what_is_missing_from_a_folder_is_named(copy, missing):
    path = copy / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    message = _refused(copy)
    assert "1_Pooling" in message or "holds no weights" in message
    assert "download or save the model anew" in message


def test_a_file_or_an_address_given_for_a_model_names_what_to_give(copy):
    assert f"name the folder that holds the model, {copy}" in _refused(copy / "config.json")
    assert "give the name alone" in _refused("https://huggingface.co/intfloat/e5-small-v2")


def test_a_hub_that_cannot_be_reached_is_not_asked_again_and_again(monkeypatch):
    asked = []

    class Silent:
        def head(self, url, **_):
            asked.append(url)
            raise OSError("no route")

    monkeypatch.setattr("hardneg.models.loading.get_session", Silent)
    started = time.monotonic()
    assert "cannot be reached" in _refused("someone/no-such-model")
    assert len(asked) == 1
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("pooling", [{"pooling_mode_mean_tokens": False, "pooling_mode": []}, {"pooling_mode": ""}])
def test_parts_that_do_not_fit_each_other_are_one_error(copy, pooling):
    path = copy / "1_Pooling" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | pooling))
    with pytest.raises(ModelError) as refused:
        load_encoder(copy, device="cpu").encode_queries(["a"])
    assert "\n" not in str(refused.value)
