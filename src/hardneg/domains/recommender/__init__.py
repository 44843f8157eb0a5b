"""Recommenders: datasets from interactions of users with items."""
