"""Documents whose vectors are close to the query's."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from hardneg.data.dataset import Dataset
from hardneg.models.formats import Precision
from hardneg.models.given import Loaded, named_model
from hardneg.scoring import BiEncoder
from hardneg.scoring.options import check_model_options
from hardneg.scoring.vector_scores import vector_scores, vectors
from hardneg.sources.retrieval import checked_name, retrieval_table

if TYPE_CHECKING:
    from hardneg.models.protocol import Encoder
    from hardneg.models.reading import Reading


@dataclass(frozen=True)
class Dense:
    """The best documents by the dot product of a sentence-transformers model's vectors, found exactly.

    Args:
        model: A Hub id, a folder, `package:NAME/FOLDER` for a folder inside an installed package, or a loaded
            `SentenceTransformer`, which is saved in the cache once.
        query_prompt: Text put before each query; None takes the model's own, "" none.
        document_prompt: The same for documents.
        max_tokens: Longer texts are cut there, at least 4; None takes the model's own limit.
        precision: "auto", "bf16" or "fp32" for encoding; search is always exact.
        device: "cpu", "cuda", …; None takes an accelerator if there is one.
        trust_remote_code: Whether to run code that the model brings with it.
        truncate_dim: Vectors are cut to their first dimensions, this many, as Matryoshka training allows; None takes
            them whole, or as the model says.
        name: Suffix of its columns.

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
    name: str = "dense"

    def __post_init__(self) -> None:
        check_model_options(
            kind="dense", max_tokens=self.max_tokens, precision=self.precision, truncate_dim=self.truncate_dim
        )
        object.__setattr__(self, "model", named_model(self.model, purpose="dense"))
        checked_name(self.name, kind="dense")

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Find the best documents for some queries; documents are encoded on first use and kept on disk."""
        from hardneg.search.exact import exact_topk

        if len(block) == 0:
            return retrieval_table(block, np.empty((0, 0), np.int32))
        found, score = exact_topk(*vectors(self.encoder(), dataset, block), depth)
        return retrieval_table(block, found, score)

    def score(
        self, dataset: Dataset, query: Int32[np.ndarray, " rows"], document: Int32[np.ndarray, " rows"]
    ) -> Float32[np.ndarray, " rows"]:
        """Score pairs."""
        return vector_scores(self.encoder(), dataset, query, document)

    def vectors_of_documents(self, dataset: Dataset) -> Float32[np.ndarray, "documents dim"]:
        """Vectors of all documents, by position."""
        from hardneg.models.store import document_vectors

        return document_vectors(self.encoder(), dataset)

    def vectors_of_queries(
        self, dataset: Dataset, queries: Int32[np.ndarray, " queries"]
    ) -> Float32[np.ndarray, "queries dim"]:
        """Vectors of some queries, in the order given."""
        from hardneg.models.store import query_vectors

        return query_vectors(self.encoder(), dataset, queries)

    def fingerprint(self) -> str:
        """Hash of the model: weights, tokenizer, prompts, maximum length, precision."""
        return self.encoder().fingerprint

    def with_model(self, model: str) -> Self:
        """Search with other weights."""
        return replace(self, model=model)

    def reading(self, dataset: Dataset, queries: Int32[np.ndarray, " queries"] | None = None) -> "Reading":
        """Look at how the model reads a dataset: prompts, precision, and which share of the texts it cuts.

        Args:
            dataset: The texts; a sample of at most 2,000 is tokenised.
            queries: Positions of the queries that count; None for all.

        Returns:
            What was seen.
        """
        from hardneg.models.reading import reading_of

        encoder: Any = self.encoder()
        return reading_of(
            encoder.model,
            dataset,
            queries=queries,
            prompts=encoder.prompts,
            precision=encoder.precision,
            query_form=encoder.query_form,
            max_tokens=self.max_tokens,
        )

    def encoder(self) -> "Encoder":
        """Load the model; asked for again, it is the same object.

        Returns:
            The encoder.

        Raises:
            ModelError: The model cannot be found or loaded, or compares by a distance.
            MissingExtraError: The packages that models need are not installed.
        """
        from hardneg.models.installed import check_installed

        check_installed(f"the source {self.name!r}, which encodes with a model,")
        return BiEncoder(
            model=self.model,
            query_prompt=self.query_prompt,
            document_prompt=self.document_prompt,
            max_tokens=self.max_tokens,
            precision=self.precision,
            device=self.device,
            trust_remote_code=self.trust_remote_code,
            truncate_dim=self.truncate_dim,
        ).encoder()
