"""Tokenised pairs, cut into batches of a few fixed shapes.

Matrix products round differently for different shapes, and the rows past the last full block of a matrix
differently from the others. So a pair is padded to a width that its own length decides, and for each width
every batch has the same number of rows, a multiple of 16. What shares a batch with a pair then changes no bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from sentence_transformers import CrossEncoder

_STEP = 16
_NO_LIMIT = 1 << 40


@dataclass(frozen=True, eq=False)
class PairFeatures:
    """Model input of some pairs."""

    tensors: dict[str, torch.Tensor]
    padding: dict[str, int]
    extra: dict[str, Any]
    n_tokens: Int64[np.ndarray, " pairs"]
    limit: int
    left: bool

    def batches(self, max_tokens: int) -> Iterator[tuple[Int64[np.ndarray, " chosen"], dict[str, Any]]]:
        """Cut the pairs into batches, the widest first."""
        width = np.maximum(np.minimum(-(-self.n_tokens // _STEP) * _STEP, self.limit), self.n_tokens)
        for each in np.unique(width)[::-1]:
            rows = np.flatnonzero(width == each)
            size = n_rows(int(each), max_tokens)
            for start in range(0, len(rows), size):
                part = rows[start : start + size]
                yield part, self._batch(np.resize(part, size), int(each))

    def _batch(self, rows: Int64[np.ndarray, " rows"], width: int) -> dict[str, Any]:
        chosen = torch.from_numpy(rows)
        batch = {name: self._fitted(tensor[chosen], name, width) for name, tensor in self.tensors.items()}
        return batch | self.extra

    def _fitted(self, tensor: torch.Tensor, name: str, width: int) -> torch.Tensor:
        kept = tensor[:, -width:] if self.left else tensor[:, :width]
        missing = width - kept.shape[1]
        sides = (missing, 0) if self.left else (0, missing)
        return torch.nn.functional.pad(kept, sides, value=self.padding.get(name, 0))


def n_rows(width: int, max_tokens: int) -> int:
    """Give the rows of a batch: 16 times the largest power of two that keeps within the bound.

    >>> [n_rows(width, 4096) for width in (16, 96, 128, 512)]
    [256, 32, 32, 16]
    """
    return int(_STEP << (max(1, max_tokens // (_STEP * width)).bit_length() - 1))


def tokenise_pairs(model: CrossEncoder, pairs: list[tuple[str, str]]) -> PairFeatures | None:
    """Turn pairs into model input."""
    prompt = model.prompts.get(model.default_prompt_name) if model.default_prompt_name else None
    raw = model.preprocess(pairs, prompt=prompt or None)
    tensors = {k: v for k, v in raw.items() if isinstance(v, torch.Tensor) and v.shape[:1] == (len(pairs),)}
    mask = tensors.get("attention_mask")
    if mask is None or any(tensor.shape != mask.shape for tensor in tensors.values()):
        return None
    tokenizer = model.tokenizer
    return PairFeatures(
        tensors,
        {"input_ids": tokenizer.pad_token_id or 0, "token_type_ids": getattr(tokenizer, "pad_token_type_id", 0)},
        {name: value for name, value in raw.items() if name not in tensors},
        mask.sum(dim=1).clamp(min=1).numpy().astype(np.int64),
        model.max_seq_length or _NO_LIMIT,
        tokenizer.padding_side == "left",
    )
