"""Scorers: how relevant a document is to a query, by some model. The seam for teachers."""

from hardneg.scoring.protocol import Scorer

__all__ = ["Scorer"]
