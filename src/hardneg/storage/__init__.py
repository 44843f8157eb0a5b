"""Object storage: what lies there, brought to this machine and checked."""

from hardneg.storage.bringing import bring, here

__all__ = ["bring", "here"]
