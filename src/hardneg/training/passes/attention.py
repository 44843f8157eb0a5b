"""Attention whose way back is fast on a processor."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

# Up to so many tokens the plain product of matrices beats torch's fused attention, forward and back together; its
# memory grows with the square of the length (docs/decisions/0008-model-speed.md).
_PLAIN_TOKENS = {torch.bfloat16: 256, torch.float32: 64}


@contextmanager
def fast_attention(device: torch.device) -> Iterator[None]:
    """Compute attention plainly in a block, where this is faster than torch's fused kernel.

    The fused kernel for processors is fast forward and slow backward, in bfloat16 above all. Models that call
    `scaled_dot_product_attention` are served, whatever their architecture; others are left alone.
    """
    if device.type != "cpu":
        yield
        return
    with _Plain():
        yield


class _Plain(TorchFunctionMode):
    """Answers calls of the fused attention, and passes all others on."""

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        kwargs = kwargs or {}
        if func is scaled_dot_product_attention:
            return _attend(*args, **kwargs)
        return func(*args, **kwargs)


def _attend(  # noqa: PLR0917 — torch's own signature, which callers rely on
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else query.dtype
    limit = _PLAIN_TOKENS.get(dtype, 0)
    if is_causal or enable_gqa or max(query.shape[-2], key.shape[-2]) > limit:
        return scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    with torch.autocast("cpu", enabled=False):  # which would turn to float32 and back around the softmax
        factor = query.shape[-1] ** -0.5 if scale is None else scale
        score = (query.to(dtype) * factor) @ key.to(dtype).transpose(-1, -2)
        share = torch.softmax(score if attn_mask is None else score + _bias(attn_mask, dtype), dim=-1)
        kept = torch.dropout(share, dropout_p, train=True) if dropout_p else share
        return kept @ value.to(dtype)


def _bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn a mask into what is added to the scores: it is smaller than they are, being the same for all heads."""
    if mask.dtype != torch.bool:
        return mask.to(dtype)
    # Not minus infinity: a row that may look at nothing would be no number, and so would its gradient.
    return torch.zeros(mask.shape, dtype=dtype).masked_fill(~mask, torch.finfo(dtype).min)
