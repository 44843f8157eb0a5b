"""Conversations: datasets from logs, and negatives from other turns."""
