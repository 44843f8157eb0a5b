"""Layers whose results are computed again on the way back, in place of being kept (gradient checkpointing)."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from hardneg.errors import ModelError
from hardneg.training.passes.attention import fast_attention


def recompute_layers(model: SentenceTransformer) -> None:
    """Have each layer of a transformer keep what went into it alone, and compute the rest again for its gradient.

    The gradient is the same. Transformers' own switch works while a model is in training mode only, which turns its
    dropout on.

    References:
        Chen, Xu, Zhang and Guestrin (2016), "Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174.
    """
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not layers:
        raise ModelError(
            "the setting 'gradient_checkpointing' needs a transformer, and this model is none; leave it out"
        )
    for layer in layers:
        layer.forward = partial(_twice, layer.forward, model)


def _twice(forward: Callable[..., Any], model: SentenceTransformer, *inputs: Any, **options: Any) -> Any:  # noqa: ANN401
    if not torch.is_grad_enabled():
        return forward(*inputs, **options)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), fast_attention(model.device)

    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=contexts, **options)
