"""Recommenders: datasets from interactions of users with items."""

from hardneg.domains.recommender.build import interactions_dataset, read_interactions_dataset
from hardneg.domains.recommender.columns import InteractionColumns
from hardneg.domains.recommender.item_model import build_item_model
from hardneg.domains.recommender.source import TextForm
from hardneg.domains.recommender.splits import InteractionSplits

__all__ = [
    "InteractionColumns",
    "InteractionSplits",
    "TextForm",
    "build_item_model",
    "interactions_dataset",
    "read_interactions_dataset",
]
