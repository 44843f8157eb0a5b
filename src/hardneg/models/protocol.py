"""What every encoder can do."""

from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Float32

from hardneg.models.served.cost import EncodingCost


@runtime_checkable
class Encoder(Protocol):
    """A two-tower model: the score of a query and a document is the dot product of their vectors."""

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides a vector: weights, tokenizer, prompts, maximum length, precision."""

    @property
    def query_form(self) -> str | None:
        """Form in which it reads the queries of a conversation; None reads them as the dataset has them."""

    def __hash__(self) -> int:
        """Encoders are told apart as objects: each is used as a key of what it has encoded."""

    def encode_queries(self, texts: list[str]) -> Float32[np.ndarray, "texts dim"]:
        """Turn queries into vectors, in the order given."""

    def encode_documents(self, texts: list[str]) -> Float32[np.ndarray, "texts dim"]:
        """Turn documents into vectors, in the order given."""


@runtime_checkable
class PricedEncoder(Encoder, Protocol):
    """An encoder whose vectors cost money, and that can say how much beforehand."""

    def estimate(self, texts: pl.Series, *, kind: str) -> EncodingCost:
        """Say what encoding these queries or documents will take; nothing is sent."""
