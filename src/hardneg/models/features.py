"""Tokenised texts, cut into batches that waste little on padding."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from sentence_transformers import SentenceTransformer

from hardneg.errors import ModelError
from hardneg.models.towers import Kind, input_module, is_static


@dataclass(frozen=True, eq=False)
class ModelInput:
    """Model input of some texts."""

    tensors: dict[str, torch.Tensor]  # each [texts, tokens], padded on one side
    extra: dict[str, Any]  # values that hold for the whole batch
    n_tokens: Int64[np.ndarray, " texts"]  # padding not counted

    def __len__(self) -> int:
        return len(self.n_tokens)

    def rows(self, rows: Int64[np.ndarray, " chosen"]) -> dict[str, Any]:
        """Take some texts as one batch, padded to the longest of them, rounded up where there is room."""
        longest = _rounded(int(self.n_tokens[rows].max()))
        mask = self.tensors["attention_mask"][torch.from_numpy(rows)]
        left_padded = bool((mask[:, 0] == 0).any())
        cut = slice(-longest, None) if left_padded else slice(None, longest)
        return {name: tensor[torch.from_numpy(rows)][:, cut] for name, tensor in self.tensors.items()} | self.extra

    def take(self, rows: Int64[np.ndarray, " chosen"]) -> "ModelInput":
        """Take some texts, padded as a batch of them is."""
        cut = {name: value for name, value in self.rows(rows).items() if name in self.tensors}
        return ModelInput(cut, self.extra, self.n_tokens[rows])

    def batches(self, max_tokens: int) -> Iterator[Int64[np.ndarray, " chosen"]]:
        """Cut the texts into batches of similar length, the longest first; one beyond the bound stands alone."""
        order = np.argsort(-self.n_tokens, kind="stable")
        start = 0
        while start < len(order):
            size = max(1, max_tokens // _rounded(int(self.n_tokens[order[start]])))
            yield order[start : start + size]
            start += size


def _rounded(n_tokens: int) -> int:
    """Round a length up, so that few shapes occur: a processor's library compiles and keeps its kernels for each."""
    multiple = 8 if n_tokens <= 64 else 16
    return -(-n_tokens // multiple) * multiple


def tokenise(model: SentenceTransformer, texts: list[str], *, kind: Kind, prompt: str | None) -> ModelInput | None:
    """Turn texts into model input; None if that is not one padded row a text, as for static embeddings."""
    if is_static(input_module(model, kind)):  # to tokenise what is thrown away takes half a step
        return None
    with _sound_tokenizer():
        raw = model.preprocess(texts, prompt=prompt, task=kind)
    tensors = {k: v for k, v in raw.items() if isinstance(v, torch.Tensor) and v.shape[:1] == (len(texts),)}
    mask = tensors.get("attention_mask")
    if mask is None or any(tensor.shape != mask.shape for tensor in tensors.values()):
        return None
    extra = {name: value for name, value in raw.items() if name not in tensors}
    return ModelInput(tensors, extra, mask.sum(dim=1).clamp(min=1).numpy().astype(np.int64))


@contextmanager
def _sound_tokenizer() -> Iterator[None]:
    """Make an error of what a tokenizer that contradicts itself throws, which is no `Exception`."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ModelError(f"the model's tokenizer breaks down ({error}): download or save the model anew") from error
