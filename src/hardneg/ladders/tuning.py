"""Settings to choose among on the development split."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any


def label(settings: Mapping[str, Any]) -> str:
    """Name a folder for settings of training."""
    return hashlib.blake2b(json.dumps(settings, sort_keys=True, default=str).encode(), digest_size=4).hexdigest()


def choose(scores: Sequence[float]) -> int:
    """Give the place of the best score; the first of equal ones."""
    return max(range(len(scores)), key=lambda at: (scores[at], -at))
