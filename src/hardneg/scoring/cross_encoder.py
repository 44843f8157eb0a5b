"""A cross-encoder as a scorer."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from hardneg.arrays import Rows, Scores
from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.leave import note_model
from hardneg.models.options import Precision, check_model_options

if TYPE_CHECKING:
    from hardneg.scoring.pair_model import PairModel


Activation = Literal["sigmoid", "identity"]


@dataclass(frozen=True)
class CrossEncoder:
    """Score a pair by a sentence-transformers cross-encoder, which reads query and document together.

    Slower than a bi-encoder, since nothing of one pair serves another, and more often right.

    Args:
        model: A Hub id, a folder, or `package:NAME/FOLDER` for a folder inside an installed package. It must
            have one label.
        max_tokens: Longer pairs are cut there, at least 4; None takes the model's own limit.
        activation: "sigmoid" turns the model's output into a number between 0 and 1, whatever the model's own
            settings say; "identity" leaves it as it is.
        precision: "auto", "bf16" or "fp32".
        device: "cpu", "cuda", …; None takes an accelerator if there is one.
        trust_remote_code: Whether to run code that the model brings with it.
        name: Whose score it is, in columns and reports.

    Raises:
        RecipeError: A value is out of range.
    """

    model: str | Path
    max_tokens: int | None = None
    activation: Activation = "sigmoid"
    precision: Precision = "auto"
    device: str | None = None
    trust_remote_code: bool = False
    name: str = "teacher"

    def __post_init__(self) -> None:
        if self.trust_remote_code:
            note_model(self.model)
        check_model_options(kind="cross_encoder", max_tokens=self.max_tokens, precision=self.precision)
        if self.activation not in get_args(Activation):
            raise RecipeError(
                f"cross_encoder: activation is {self.activation!r}; set it to {' or '.join(get_args(Activation))}"
            )

    @property
    def squashed(self) -> bool:
        """Whether scores lie between 0 and 1."""
        return self.activation == "sigmoid"

    def score(self, dataset: Dataset, query: Rows, document: Rows) -> Scores:
        """Score pairs, in batches over all of them; a pair given twice is read twice."""
        if len(query) == 0:
            return np.empty(0, np.float32)
        queries = dataset.query_texts.gather(query).fill_null("").to_list()
        documents = dataset.document_texts.gather(document).fill_null("").to_list()
        return self._pair_model().score(queries, documents)

    def fingerprint(self) -> str:
        """Hash of weights, tokenizer, maximum length, precision and activation."""
        return self._pair_model().fingerprint

    def _pair_model(self) -> "PairModel":
        from hardneg.models.options import check_installed

        check_installed(f"{self.name!r}, which scores with a model,")
        from hardneg.scoring.pair_model import load_pair_model

        return load_pair_model(
            self.model,
            max_tokens=self.max_tokens,
            activation=self.activation,
            precision=self.precision,
            device=self.device,
            trust_remote_code=self.trust_remote_code,
        )
