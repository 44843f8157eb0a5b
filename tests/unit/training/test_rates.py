"""The learning rate of whoever names none: by the kind and the width of a model, and on record."""

import json

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from hardneg.errors import RecipeError
from hardneg.training.loop import train
from hardneg.training.rates import default_rate, with_rate
from hardneg.training.settings import TrainSettings
from tiny_model import build_tiny_model
from toy import toy_dataset


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("model"), ["open a file close read write line"], dropout=0.0)


class Wide(torch.nn.Module):
    """Says that it is as wide as that, as the input module of a transformer does."""

    def __init__(self, width):
        super().__init__()
        self.config = type("Config", (), {"get_text_config": lambda _self: type("Text", (), {"hidden_size": width})})()
        self.layer = torch.nn.Linear(2, 2)


@pytest.mark.parametrize(("width", "rate"), [(64, 9e-5), (384, 9e-5), (768, 4.5e-5), (1_024, 3.4e-5), (4_096, 8.4e-6)])
def test_wide_transformers_move_less(width, rate):
    assert default_rate(SentenceTransformer(modules=[Wide(width)], device="cpu")) == rate


def test_tables_of_tokens_move_more():
    table = StaticEmbedding(Tokenizer(WordLevel({"a": 0, "b": 1}, "a")), embedding_dim=8)
    assert default_rate(SentenceTransformer(modules=[table], device="cpu")) == 0.03


def test_a_rate_that_was_named_is_kept(tiny):
    model = SentenceTransformer(str(tiny), device="cpu")
    assert with_rate(TrainSettings(learning_rate=1e-3), model).peak == 1e-3
    assert with_rate(TrainSettings(), model).peak == 9e-5
    with pytest.raises(RecipeError, match="name one"):
        _ = TrainSettings().peak


def test_training_takes_it_and_writes_it_down(tiny, tmp_path):
    trained = [
        train(
            str(tiny), toy_dataset(), settings=TrainSettings(max_steps=3, learning_rate=rate), out=tmp_path / str(rate)
        )
        for rate in (None, 9e-5)
    ]
    first, second = ((each.path / "model.safetensors").read_bytes() for each in trained)
    assert first == second
    lines = (tmp_path / "None" / "loss.jsonl").read_text().splitlines()
    assert max(json.loads(line)["learning_rate"] for line in lines) == pytest.approx(9e-5, rel=0.5)
    about = json.loads((tmp_path / "None" / "training.json").read_text())
    assert "9e-05" in json.dumps(about)
