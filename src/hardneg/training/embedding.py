"""From texts to vectors, with a gradient."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from jaxtyping import Float
from sentence_transformers import SentenceTransformer
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from hardneg.models.features import Kind, tokenise
from hardneg.models.token_limit import limit_tokens, set_token_limit, token_limit

# Padded tokens of one forward pass; measured on a small BERT (docs/training.md).
_CHUNK_TOKENS = {"cpu": 1_024, "cuda": 65_536}
# Up to this many tokens, plain attention beats the fused kernel on CPUs, whose backward pass is slow; its
# memory grows with the square of the length.
_PLAIN_ATTENTION_TOKENS = 128


class TwoTowers(torch.nn.Module):
    """Both towers as one module with one forward pass a batch, which is what data parallel training wants.

    Args:
        model: Encodes queries and documents; in training mode if dropout shall be on.
        query_prompt: Text put before each query, or None.
        document_prompt: The same for documents.
        bf16: Whether to multiply in bfloat16; weights stay as they are.
    """

    def __init__(
        self, model: SentenceTransformer, *, query_prompt: str | None, document_prompt: str | None, bf16: bool
    ) -> None:
        super().__init__()
        self.model = model
        self.prompts: dict[Kind, str | None] = {"query": query_prompt, "document": document_prompt}
        self.bf16 = bf16

    def forward(
        self, queries: list[str], documents: list[str]
    ) -> tuple[Float[Tensor, "queries dim"], Float[Tensor, "documents dim"]]:
        """Embed the texts of a batch.

        Args:
            queries: At least one query.
            documents: At least one document.

        Returns:
            Float32 vectors whose dot product is the score; unit length if the model compares by cosine.
        """
        with torch.autocast(self.model.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            found = (self._embed(queries, "query"), self._embed(documents, "document"))
        if self.model.similarity_fn_name == "cosine":
            return torch.nn.functional.normalize(found[0], dim=1), torch.nn.functional.normalize(found[1], dim=1)
        return found

    def _embed(self, texts: list[str], kind: Kind) -> Float[Tensor, "texts dim"]:
        chunk_tokens = _CHUNK_TOKENS.get(self.model.device.type, _CHUNK_TOKENS["cpu"])
        return embed(self.model, texts, kind=kind, prompt=self.prompts[kind], chunk_tokens=chunk_tokens)


@contextmanager
def cutting_texts(model: SentenceTransformer, max_tokens: int | None) -> Iterator[None]:
    """Cut texts shorter than the model would, for as long as the block lasts.

    Args:
        model: The model; afterwards it has its own limit again.
        max_tokens: Texts are cut there; None leaves the model's limit.

    Raises:
        ModelError: The model takes no texts that long.
    """
    own = token_limit(model)
    if max_tokens is not None:
        limit_tokens(model, max_tokens)
    try:
        yield
    finally:
        if max_tokens is not None:
            set_token_limit(model, own)


def embed(
    model: SentenceTransformer, texts: list[str], *, kind: Kind, prompt: str | None, chunk_tokens: int
) -> Float[Tensor, "texts dim"]:
    """Embed texts in chunks of similar length, which saves the padding of short texts beside long ones.

    Args:
        model: The model.
        texts: At least one text.
        kind: Which tower they are for.
        prompt: Text put before each of them, or None.
        chunk_tokens: Bound on texts x longest text of a chunk.

    Returns:
        Float32 vectors as the model gives them, in the order of the texts, with a graph.
    """
    features = tokenise(model, texts, kind=kind, prompt=prompt)
    if features is None:
        return _forward(model, model.preprocess(texts, prompt=prompt, task=kind), kind)
    chunks = list(features.batches(chunk_tokens))
    vectors = torch.cat([_forward(model, features.rows(rows), kind) for rows in chunks])
    back = torch.cat([torch.from_numpy(rows) for rows in chunks]).argsort()
    return vectors[back.to(vectors.device)]


def _forward(model: SentenceTransformer, features: dict[str, Any], kind: Kind) -> Float[Tensor, "chunk dim"]:
    placed = {name: v.to(model.device) if isinstance(v, Tensor) else v for name, v in features.items()}
    with _attention(placed, model.device):
        vectors: Tensor = model(placed, task=kind)["sentence_embedding"]
    return vectors.float()


def _attention(features: dict[str, Any], device: torch.device) -> AbstractContextManager[None]:
    mask = features.get("attention_mask")
    short = isinstance(mask, Tensor) and mask.shape[-1] <= _PLAIN_ATTENTION_TOKENS
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" and short else nullcontext()
