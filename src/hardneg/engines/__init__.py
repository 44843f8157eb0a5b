"""Engines: where work that is cut into blocks is done, in this process or on a cluster of machines."""

from hardneg.engines.protocol import (
    Asking,
    Engine,
    Here,
    Limited,
    Once,
    Placed,
    Trains,
    Work,
    current_engine,
    is_here,
    keeping_workers,
    share_of,
    shared,
    working_on,
)
from hardneg.engines.ray import Ray

__all__ = [
    "Asking",
    "Engine",
    "Here",
    "Limited",
    "Once",
    "Placed",
    "Ray",
    "Trains",
    "Work",
    "current_engine",
    "is_here",
    "keeping_workers",
    "share_of",
    "shared",
    "working_on",
]
