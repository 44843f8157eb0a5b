"""The learning rate of a training whose settings name none."""

from dataclasses import replace
from typing import Any

from sentence_transformers import SentenceTransformer
from torch import nn

from hardneg.models.towers import input_modules
from hardneg.training.settings import TrainSettings

# Measured on all-MiniLM-L6-v2, 384 wide, and on static embeddings (docs/decisions/0018-the-learning-rate.md).
_TRANSFORMER, _WIDTH = 9e-5, 384
_STATIC = 0.03


def is_all_tables(model: nn.Module) -> bool:
    """Say whether all that a model can learn is looked up by token, as static embeddings are."""
    tables = {id(each.weight) for each in model.modules() if isinstance(each, nn.Embedding | nn.EmbeddingBag)}
    return all(id(each) in tables for each in model.parameters())


def default_rate(model: SentenceTransformer) -> float:
    """Choose the peak of the schedule by the kind and the width of a model.

    Static embeddings get 0.03, transformers 9e-5 up to a width of 384, and less in proportion the wider they are: with
    Adam a layer's outputs move by its rate times its width.

    References:
        Yang et al. (2022), arXiv:2203.03466, table 3: rates of Adam for hidden weights go with 1 / width.
    """
    if is_all_tables(model):
        return _STATIC
    width = max(_width(tower, model) for tower in input_modules(model))
    return float(f"{_TRANSFORMER * min(1.0, _WIDTH / width):.2g}")


def with_rate(settings: TrainSettings, model: SentenceTransformer) -> TrainSettings:
    """Fill in the learning rate that fits a model, if the settings name none."""
    return settings if settings.learning_rate is not None else replace(settings, learning_rate=default_rate(model))


def _width(tower: Any, model: SentenceTransformer) -> int:  # noqa: ANN401 - any module that texts enter
    config = getattr(tower, "config", None)
    hidden = None if config is None else getattr(config.get_text_config(), "hidden_size", None)
    return int(hidden or model.get_embedding_dimension() or _WIDTH)
