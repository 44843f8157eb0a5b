"""A mask by the scores of another model."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.models.given import Loaded, named_model
from hardneg.scoring.bi_encoder import BiEncoder
from hardneg.scoring.options import check_model_options
from hardneg.scoring.vector_scores import vectors
from hardneg.training.masks.masking import Cells

if TYPE_CHECKING:  # a recipe names masks on machines without torch
    import torch

    import hardneg.losses.score_matrix
    from hardneg.models.protocol import Encoder


@dataclass(frozen=True)
class Guide:
    """Leave out negatives that a guide model scores above the positive, or too close to it.

    With g the guide's scores, a negative is left out if `g_ij > g_it - margin`, or with a relative margin if
    `g_ij > g_it - |g_it| * margin`. The guide's vectors are encoded once, before training, and kept on disk; a
    step costs a small matrix product.

    Args:
        model: The guide, a two-tower model better than the one being trained: a Hub id, a folder, or
            `package:NAME/FOLDER`, or loaded.
        margin: How far below the positive a negative must score to stay; below 0, how far above it may score.
        relative: Whether the margin is a share, from 0 to 1, of the size of the positive's score.
        query_prompt: Text the guide puts before each query; None takes its own, "" none.
        document_prompt: The same for documents.
        max_tokens: The guide cuts longer texts there, at least 4; None takes its own limit.
        trust_remote_code: Whether to run code that the guide brings with it.

    Raises:
        RecipeError: A value is out of range.

    References:
        GISTEmbed (2024), arXiv:2402.16829; margins as in sentence-transformers' GISTEmbedLoss.
    """

    model: str | Path | Loaded
    margin: float = 0.0
    relative: bool = False
    query_prompt: str | None = None
    document_prompt: str | None = None
    max_tokens: int | None = None
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.margin):
            raise RecipeError(f"margin of guide must be a number, not {self.margin}")
        if self.relative and not 0 <= self.margin <= 1:
            raise RecipeError(f"margin of guide must be in [0, 1] when it is relative, not {self.margin}")
        check_model_options(kind="guide", max_tokens=self.max_tokens, precision="auto")
        object.__setattr__(self, "model", named_model(self.model, purpose="guide"))

    def prepare(self, dataset: Dataset, query: Int32[np.ndarray, " queries"]) -> None:
        """Encode the documents and these queries, unless they are in the store."""
        vectors(self._encoder(), dataset, query)

    def fingerprint(self) -> str:
        """Hash of the guide: weights, tokenizer, prompts, maximum length, precision."""
        return self._encoder().fingerprint

    def keep(self, matrix: "hardneg.losses.score_matrix.ScoreMatrix", cells: Cells) -> "torch.Tensor":
        """Keep what the guide scores below the positive, by the margin."""
        import torch

        queries, documents = vectors(self._encoder(), cells.dataset, cells.query)
        scores = torch.from_numpy(queries @ documents[cells.document].T).to(matrix.scores.device)
        positive = scores.gather(1, matrix.target.unsqueeze(1))
        margin = positive.abs() * self.margin if self.relative else self.margin
        return ~(scores > positive - margin)

    def _encoder(self) -> "Encoder":
        return BiEncoder(
            self.model,
            query_prompt=self.query_prompt,
            document_prompt=self.document_prompt,
            max_tokens=self.max_tokens,
            trust_remote_code=self.trust_remote_code,
            name="guide",
        ).encoder()
