"""How far, and in which direction, the weights move at each step."""

import math

import torch

from hardneg.training.settings import TrainSettings


def learning_rate(step: int, *, total: int, settings: TrainSettings) -> float:
    """Give the rate of one step.

    The rate is a function of the step alone, so a resumed run needs no schedule to be restored.
    """
    warmup = math.ceil(total * settings.warmup_share)
    if step < warmup:
        return settings.learning_rate * (step + 1) / (warmup + 1)
    left = (total - step) / max(1, total - warmup)
    shape = {"linear": left, "cosine": 0.5 - 0.5 * math.cos(math.pi * left), "constant": 1.0}
    return settings.learning_rate * shape[settings.schedule]


def build_optimizer(model: torch.nn.Module, settings: TrainSettings) -> torch.optim.AdamW:
    """Set up AdamW with weight decay on matrices only.

    Biases and the scales of normalisation layers have one axis; to pull them to zero only hurts.

    References:
        Loshchilov and Hutter (2019), arXiv:1711.05101. Decay 0.01 and no decay on biases and normalisation
        follow BERT's training code.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=settings.learning_rate, fused=True)
