"""Recommenders: datasets from interactions of users with items."""

from hardneg.domains.recommender.build import interactions_dataset

__all__ = ["interactions_dataset"]
