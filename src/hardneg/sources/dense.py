"""Documents whose vectors are close to the query's."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.models.formats import Precision
from hardneg.sources.retrieval import checked_name, retrieval_table

if TYPE_CHECKING:
    from hardneg.models.protocol import Encoder

_LEAST_TOKENS = 4  # two of them mark the beginning and the end of a text


@dataclass(frozen=True)
class Dense:
    """The best documents by the dot product of a sentence-transformers model's vectors, found exactly.

    Args:
        model: A Hub id, a folder, or `package:NAME/FOLDER` for a folder inside an installed package.
        query_prompt: Text put before each query; None takes the model's own, "" none.
        document_prompt: The same for documents.
        max_tokens: Longer texts are cut there, at least 4; None takes the model's own limit.
        precision: "auto", "bf16" or "fp32" for encoding; search is always exact.
        device: "cpu", "cuda", …; None takes an accelerator if there is one.
        name: Suffix of its columns.

    Raises:
        RecipeError: A value is out of range.
    """

    model: str | Path
    query_prompt: str | None = None
    document_prompt: str | None = None
    max_tokens: int | None = None
    precision: Precision = "auto"
    device: str | None = None
    name: str = "dense"

    def __post_init__(self) -> None:
        if self.max_tokens is not None and self.max_tokens < _LEAST_TOKENS:
            raise RecipeError(f"dense: max_tokens is {self.max_tokens}; set it to {_LEAST_TOKENS} or more")
        if self.precision not in get_args(Precision):
            raise RecipeError(f"dense: precision is {self.precision!r}; set it to {' or '.join(get_args(Precision))}")
        checked_name(self.name, kind="dense")

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Find the best documents for some queries; documents are encoded on first use and kept on disk."""
        from hardneg.search.exact import exact_topk

        if len(block) == 0:
            return retrieval_table(block, np.empty((0, 0), np.int32))
        found, score = exact_topk(*self._vectors(dataset, block), depth)
        return retrieval_table(block, found, score)

    def score(
        self, dataset: Dataset, query: Int32[np.ndarray, " rows"], document: Int32[np.ndarray, " rows"]
    ) -> Float32[np.ndarray, " rows"]:
        """Score pairs."""
        from hardneg.search.exact import pair_scores

        if len(query) == 0:
            return np.empty(0, np.float32)
        distinct, which = np.unique(query, return_inverse=True)
        return pair_scores(*self._vectors(dataset, distinct), which.astype(np.int32), document)

    def fingerprint(self) -> str:
        """Hash of the model: weights, tokenizer, prompts, maximum length, precision."""
        return self._encoder().fingerprint

    def _vectors(
        self, dataset: Dataset, queries: Int32[np.ndarray, " queries"]
    ) -> tuple[Float32[np.ndarray, "queries dim"], Float32[np.ndarray, "documents dim"]]:
        from hardneg.models.store import document_vectors, query_vectors

        encoder = self._encoder()
        return query_vectors(encoder, dataset, queries), document_vectors(encoder, dataset)

    def _encoder(self) -> "Encoder":
        from hardneg.models.installed import check_installed

        check_installed(f"the source {self.name!r}, which encodes with a model,")
        from hardneg.models.sentence_transformer import load_encoder

        return load_encoder(
            self.model,
            query_prompt=self.query_prompt,
            document_prompt=self.document_prompt,
            max_tokens=self.max_tokens,
            precision=self.precision,
            device=self.device,
        )
