"""Commands that ask an embedding API say what it will cost, and send nothing before that was agreed to."""

import json

import numpy as np
import pytest

from answer_toy import answer_toy
from hardneg.cli import main
from local_llm_server import KEY, embeddings, serving


def words(text):
    """A vector of the words of a text."""
    vector = np.zeros(64)
    for word in text.split():
        vector[sum(word.encode()) % 64] += 1
    return (vector + 1e-3).tolist()


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def api():
    with serving(lambda asked: embeddings(asked, words)) as server:
        yield server


@pytest.fixture
def model(api):
    return f"{api.base_url}?price=1000&backoff_s=0.001#test-model"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(answer_toy(n_queries=20).write(tmp_path_factory.mktemp("served") / "data"))


def test_each_command_asks_before_it_sends_and_pays_once_for_a_text(folder, model, api, tmp_path, capsys, refusal):
    dense = ("--source", f"dense(model={model!r})", "--per-query", "2", "--depth", "8")
    commands = [
        ("mine", folder, "-o", str(tmp_path / "run"), *dense),
        ("encode", folder, "-o", str(tmp_path / "vectors"), "--model", model),
        ("evaluate", folder, "--split", "train", "--model", model),
        ("audit", "planted", folder, *dense, "--audit-seeds", "1"),
    ]
    for command in commands:
        message = refusal(*command)
        assert "model 'test-model': " in message
        assert "at the price given. Nothing was sent: add --yes" in message
        assert api.asked == []
    for command in commands[:3]:
        assert main([*command, "--yes", "--json"]) == 0, command
        shown = json.loads(capsys.readouterr().out)
    sent = [text for each in api.asked for text in each.body["input"]]
    assert len(sent) == len(set(sent))
    assert main([*commands[2], "--json"]) == 0
    assert len(shown) > 0
    assert np.load(tmp_path / "vectors" / "documents.npy").shape[1] == 64


def test_a_training_from_it_is_refused_with_one_message(folder, model, api, tmp_path, refusal):
    for command in (("train", folder, "-o", str(tmp_path / "t"), "--model", model),):
        assert "there are no weights here to load or to train" in refusal(*command)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'dataset = "{folder}"\nmodel = "{model}"\n')
    assert "there are no weights here to load or to train" in refusal("run", str(recipe), "-o", str(tmp_path / "r"))
    assert api.asked == []
