"""Conversations: datasets from logs, and negatives from other turns."""

from hardneg.domains.conversation.build import read_conversations, read_in_form

__all__ = ["read_conversations", "read_in_form"]
