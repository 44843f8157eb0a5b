"""Encoders: from texts to vectors, and the store that keeps the vectors of documents."""

from hardneg.models.options import ModelOptions

__all__ = ["ModelOptions"]
