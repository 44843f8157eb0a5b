import importlib.util
import json
import pickle
import shutil
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer, models
from transformers import AutoTokenizer

from hardneg.cli import main
from hardneg.errors import MissingExtraError, ModelError, RecipeError
from hardneg.files import write_json
from hardneg.models.backends import choosing
from hardneg.models.backends.exporting import export_transformer
from hardneg.models.loading import choose_precision
from hardneg.models.sentence_transformer import forget_encoders, load_encoder, load_model
from hardneg.sources import Dense
from hardneg.training.sample_vectors import write_vectors
from hardneg.verbs.export_model import export_model
from tiny_model import build_tiny_model

BACKENDS = ["onnx", "openvino"]
ROUNDED = [("onnx", "int8"), ("openvino", "bf16"), ("openvino", "int8")]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    forget_encoders()
    yield tmp_path / "cache"
    forget_encoders()


@pytest.fixture
def texts(toy):
    return [*toy.document_texts, "", "find: " * 90]


@pytest.mark.parametrize(("backend", "precision"), ROUNDED)
def test_vectors_are_those_of_torch_but_for_rounding_and_told_apart(folder, texts, backend, precision):
    torch_one = load_encoder(folder, precision="fp32", device="cpu", query_prompt="find: ")
    other = load_encoder(folder, precision="fp32", query_prompt="find: ", backend=backend)
    for kind in ("encode_queries", "encode_documents"):
        np.testing.assert_allclose(getattr(other, kind)(texts), getattr(torch_one, kind)(texts), atol=1e-5)
    rounded = load_encoder(folder, query_prompt="find: ", backend=backend, precision=precision)
    vectors = rounded.encode_documents(texts)
    off = np.abs(vectors - torch_one.encode_documents(texts)).max()
    # a processor without bfloat16 computes what was asked for in it as float32
    least = 0 if precision == "bf16" and choose_precision("auto", torch.device("cpu")) == "fp32" else 1e-5
    assert least < off < choosing.TOLERANCE[precision]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert len({torch_one.fingerprint, other.fingerprint, rounded.fingerprint}) == 3
    again = pickle.loads(pickle.dumps(other))
    np.testing.assert_array_equal(again.encode_queries(texts), other.encode_queries(texts))
    assert again.fingerprint == other.fingerprint


SEVERAL = """
import gc
import signal
import sys

from hardneg.models.sentence_transformer import forget_encoders, load_encoder

models = [load_encoder(sys.argv[1], backend="openvino", max_tokens=length) for length in (8, 16)]
forget_encoders()
while models:
    del models[0]
    gc.collect()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_signal_is_heard_after_several_models(folder):
    command = [sys.executable, "-X", "faulthandler", "-c", SEVERAL, folder]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout.splitlines()[-1:]) == (0, ["interrupted"]), ended.stderr


def test_a_file_is_written_once_and_again_for_other_weights(folder, cache, monkeypatch):
    load_encoder(folder, backend="onnx")
    written = {path: path.stat().st_mtime_ns for path in cache.rglob("model.onnx")}
    assert len(written) == 1
    forget_encoders()
    monkeypatch.setattr(choosing, "export_transformer", lambda *_: pytest.fail("it is there"))
    load_encoder(folder, backend="onnx", max_tokens=16)
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("model.onnx")} == written


def test_a_file_that_gives_other_vectors_is_refused(folder, cache, tmp_path):
    load_encoder(folder, backend="onnx")
    other = build_tiny_model(tmp_path, ["other words"], seed=1)
    export_transformer(load_model(other, device="cpu"), next(cache.rglob("model.onnx")))
    forget_encoders()
    with pytest.raises(
        ModelError, match=r"backend 'onnx' in fp32 gives other vectors than the model: a number is off by"
    ):
        load_encoder(folder, backend="onnx")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backend": "tensorrt"}, "dense: backend is 'tensorrt'; set it to torch or onnx or openvino"),
        (
            {"backend": "onnx", "precision": "bf16"},
            r"precision is 'bf16' with backend 'onnx'; set it to auto or fp32 or int8",
        ),
        ({"precision": "int8"}, r"set it to auto or bf16 or fp32, or backend to onnx or openvino"),
    ],
)
def test_what_a_backend_cannot_do_is_said_before_a_model_is_loaded(options, words):
    with pytest.raises(RecipeError, match=words):
        Dense(model="there/is-none", **options)


def test_a_model_without_a_transformer_and_a_device_are_refused(folder, tmp_path):
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=4)], device="cpu").save_pretrained(
        str(tmp_path / "static"), create_model_card=False
    )
    with pytest.raises(ModelError, match="only a model with one transformer"):
        load_encoder(tmp_path / "static", backend="onnx")
    with pytest.raises(ModelError, match="encodes on the processor; leave device out"):
        load_encoder(folder, backend="onnx", device="meta")


@pytest.mark.parametrize(("backend", "package"), [("onnx", "onnxruntime"), ("openvino", "openvino"), ("onnx", "onnx")])
def test_a_runtime_that_is_not_installed_is_named_with_its_extra(folder, monkeypatch, backend, package):
    find = importlib.util.find_spec
    monkeypatch.setattr("hardneg.models.options.find_spec", lambda name: None if name == package else find(name))
    with pytest.raises(MissingExtraError, match=rf"{package}.*hardneg\[{backend}\]"):
        load_encoder(folder, backend=backend)


def test_settings_of_before_are_called_what_they_were():
    assert "backend" not in repr(Dense(model="a/b"))


@pytest.fixture
def trained(folder, tmp_path):
    """A folder as training leaves it."""
    shutil.copytree(folder, tmp_path / "run" / "model")
    write_vectors(tmp_path / "run", tmp_path / "run" / "model", trusts=False)
    return tmp_path / "run"


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_an_exported_model_gives_the_recorded_vectors_without_torch(trained, folder, tmp_path, precision, texts):
    made = export_model(trained, tmp_path / "out", precision=precision)
    assert (made.compared_with, made.precision) == ("recorded", precision)
    assert made.off <= made.tolerance == choosing.TOLERANCE[precision]
    assert not list((tmp_path / "out").rglob("*.safetensors"))
    tokens = AutoTokenizer.from_pretrained(tmp_path / "out")(texts[:4], padding=True, return_tensors="np")
    session = onnxruntime.InferenceSession(tmp_path / "out" / made.file)
    states = session.run(["last_hidden_state"], {each.name: tokens[each.name] for each in session.get_inputs()})[0]
    mask = tokens["attention_mask"][..., None]
    vectors = (states * mask).sum(1) / mask.sum(1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = load_encoder(folder, precision="fp32", device="cpu").encode_documents(texts[:4])
    np.testing.assert_allclose(vectors, expected, atol=made.tolerance)


def test_a_model_that_is_not_the_recorded_one_is_not_exported(trained, tmp_path):
    kept = json.loads((trained / "vectors.json").read_text())
    write_json(trained / "vectors.json", kept | {"vectors": (-np.array(kept["vectors"])).tolist()})
    with pytest.raises(ModelError, match=r"off by .* from those that its training recorded.*nothing was written"):
        export_model(trained, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_was_written_and_what_holds_no_model(trained, folder, tmp_path, capsys):
    assert main(["export", str(trained), "--form", "onnx", "-o", str(tmp_path / "out")]) == 0
    assert "onnx/model.onnx" in capsys.readouterr().out
    assert main(["export", str(folder), "--form", "onnx-int8", "-o", str(tmp_path / "more"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["compared_with"] == "model"
    assert main(["export", str(tmp_path), "--form", "onnx", "-o", str(tmp_path / "none")]) == 2
    assert "holds no model; name a run that trained one" in capsys.readouterr().err
