"""Leaving negatives out at the moment of a step, because they look like answers."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int32

from hardneg.addresses import is_endpoint
from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.models.given import Loaded, named_model
from hardneg.models.options import check_model_options
from hardneg.scoring.bi_encoder import BiEncoder, vectors
from hardneg.training.pool.pool import judged_negative

if TYPE_CHECKING:  # a recipe names masks on machines without torch
    import torch

    from hardneg.losses.score_matrix import ScoreMatrix
    from hardneg.models.protocol import Encoder


@dataclass(frozen=True, eq=False)
class Cells:
    """What the rows and columns of a score matrix stand for."""

    dataset: Dataset
    query: Int32[np.ndarray, " rows"]
    document: Int32[np.ndarray, " pool"]


@runtime_checkable
class Mask(Protocol):
    """Decides which cells of a score matrix may be negatives. Masks are frozen dataclasses, known by their `repr`."""

    def prepare(self, dataset: Dataset, query: Int32[np.ndarray, " queries"]) -> None:
        """Do the work that should not wait for the first step.

        Args:
            dataset: Texts and labels.
            query: Queries that will be trained on.
        """

    def fingerprint(self) -> str:
        """Hash of all that decides the mask beside its `repr` and the scores; empty if nothing does."""

    def keep(self, matrix: "ScoreMatrix", cells: Cells) -> "torch.Tensor":
        """Say which cells may stay negatives.

        Args:
            matrix: The scores and what is allowed so far.
            cells: What its rows and columns stand for.

        Returns:
            `True` where the document may be a negative of the query, of the shape of the scores, without a graph.
            What it says of targets and of judged negatives is not looked at.
        """


def narrow(matrix: "ScoreMatrix", mask: Mask, cells: Cells) -> "ScoreMatrix":
    """Leave out the negatives that a mask takes for answers.

    Targets stay, and so do documents that a label calls not relevant to the query: the label knows better.
    """
    import torch

    with torch.no_grad():
        is_labelled = torch.from_numpy(judged_negative(cells.dataset, cells.query, cells.document))
        kept = mask.keep(matrix, cells) | is_labelled.to(matrix.scores.device)
        allowed = (matrix.allowed & kept).scatter(1, matrix.target.unsqueeze(1), True)
    return replace(matrix, allowed=allowed)


@dataclass(frozen=True)
class OwnScore:
    """Leave out negatives that the model being trained scores clearly above the positive.

    A negative stays if `s_ij <= s_it + margin`. It costs nothing, and needs a model that is good to begin with:
    what a weak model confuses most is just what it should learn from.

    Args:
        margin: How far a negative may score above the positive, in units of the score, from 0.

    Raises:
        RecipeError: The margin is out of range.

    References:
        Qwen3-Embedding (2025), arXiv:2506.05176: the mask of its contrastive loss, with margin 0.1.
    """

    margin: float = 0.1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.margin) and self.margin >= 0):
            raise RecipeError(f"margin of own_score must be 0 or more, not {self.margin}")

    def prepare(self, dataset: Dataset, query: Int32[np.ndarray, " queries"]) -> None:
        """Do nothing: the scores are made in the step."""

    def fingerprint(self) -> str:
        """Give nothing: the scores decide."""
        return ""

    def keep(self, matrix: "ScoreMatrix", cells: Cells) -> "torch.Tensor":  # noqa: ARG002
        """Keep what does not score above the positive by more than the margin."""
        return ~(matrix.scores.detach() > matrix.positive.detach().unsqueeze(1) + self.margin)


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
        if is_endpoint(self.model):
            raise RecipeError("guide: a model behind an endpoint cannot be asked in each step; name one that is loaded")

    def prepare(self, dataset: Dataset, query: Int32[np.ndarray, " queries"]) -> None:
        """Encode the documents and these queries, unless they are in the store."""
        vectors(self._encoder(), dataset, query)

    def fingerprint(self) -> str:
        """Hash of the guide: weights, tokenizer, prompts, maximum length, precision."""
        return self._encoder().fingerprint

    def keep(self, matrix: "ScoreMatrix", cells: Cells) -> "torch.Tensor":
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


MASKS = {"own_score": OwnScore, "guide": Guide}

__all__ = ["MASKS", "Cells", "Guide", "Mask", "OwnScore", "narrow"]
