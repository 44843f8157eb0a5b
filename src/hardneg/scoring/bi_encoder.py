"""A two-tower model as a scorer."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jaxtyping import Float32, Int32

from hardneg.data.dataset import Dataset
from hardneg.models.formats import Precision
from hardneg.models.given import Loaded, named_model
from hardneg.scoring.options import check_model_options
from hardneg.scoring.vector_scores import vector_scores

if TYPE_CHECKING:
    from hardneg.models.protocol import Encoder


@dataclass(frozen=True)
class BiEncoder:
    """Score a pair by the dot product of a sentence-transformers model's vectors.

    The vectors are encoded once and kept on disk, so the pairs themselves cost next to nothing. Its score has no
    fixed scale: prefer a margin to the query's positive over an absolute threshold.

    Args:
        model: A Hub id, a folder, `package:NAME/FOLDER` for a folder inside an installed package, or a loaded
            `SentenceTransformer`, which is saved in the cache once.
        query_prompt: Text put before each query; None takes the model's own, "" none.
        document_prompt: The same for documents.
        max_tokens: Longer texts are cut there, at least 4; None takes the model's own limit.
        precision: "auto", "bf16" or "fp32" for encoding; the products are always exact.
        device: "cpu", "cuda", …; None takes an accelerator if there is one.
        trust_remote_code: Whether to run code that the model brings with it.
        truncate_dim: Vectors are cut to their first dimensions, this many, as Matryoshka training allows; None takes
            them whole, or as the model says.
        name: Whose score it is, in columns and reports.

    Raises:
        RecipeError: A value is out of range.
    """

    model: str | Path | Loaded
    query_prompt: str | None = None
    document_prompt: str | None = None
    max_tokens: int | None = None
    precision: Precision = "auto"
    device: str | None = None
    trust_remote_code: bool = False
    truncate_dim: int | None = None
    name: str = "teacher"

    self_storing: ClassVar[bool] = True
    squashed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_model_options(
            kind="bi_encoder", max_tokens=self.max_tokens, precision=self.precision, truncate_dim=self.truncate_dim
        )
        object.__setattr__(self, "model", named_model(self.model, purpose="bi_encoder"))

    def score(
        self, dataset: Dataset, query: Int32[np.ndarray, " rows"], document: Int32[np.ndarray, " rows"]
    ) -> Float32[np.ndarray, " rows"]:
        """Score pairs; the texts of the dataset are encoded on first use."""
        return vector_scores(self.encoder(), dataset, query, document)

    def fingerprint(self) -> str:
        """Hash of the model: weights, tokenizer, prompts, maximum length, precision."""
        return self.encoder().fingerprint

    def encoder(self) -> "Encoder":
        """Load the model; asked for again, it is the same object.

        Returns:
            The encoder.

        Raises:
            ModelError: The model cannot be found or loaded, or compares by a distance.
            MissingExtraError: The packages that models need are not installed.
        """
        from hardneg.models.installed import check_installed

        check_installed(f"{self.name!r}, which encodes with a model,")
        from hardneg.models.sentence_transformer import load_encoder

        return load_encoder(
            named_model(self.model),
            query_prompt=self.query_prompt,
            document_prompt=self.document_prompt,
            max_tokens=self.max_tokens,
            precision=self.precision,
            device=self.device,
            trust_remote_code=self.trust_remote_code,
            truncate_dim=self.truncate_dim,
        )
