"""A corpus of any size made of real ones, for measuring at sizes that no dataset at hand has.

Documents of all BEIR folders are repeated until there are enough; each copy loses a seeded fifth of its words, so
that copies differ in terms and length. Queries are real ones, repeated in the same way.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

DROPOUT = 0.2


def documents(data: Path, wanted: int, *, seed: int = 0) -> list[str]:
    """Make as many documents as wanted, in a seeded order."""
    return _replicated(data, "corpus", wanted, seed)


def queries(data: Path, wanted: int, *, seed: int = 0) -> list[str]:
    """Make as many queries as wanted, in a seeded order."""
    return _replicated(data, "queries", wanted, seed)


def _replicated(data: Path, name: str, wanted: int, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    folders = sorted(path.parent for path in data.glob("*/queries.jsonl"))
    texts = [text for folder in folders for text in _read(folder, name)]
    texts = [texts[number] for number in random.permutation(len(texts))]  # few are like many
    order = random.permutation(wanted)
    made = []
    for number in range(wanted):
        words = texts[number % len(texts)].split()
        if number >= len(texts):
            words = [word for word, keep in zip(words, random.random(len(words)) >= DROPOUT, strict=True) if keep]
        made.append(" ".join(words))
    return [made[number] for number in order]


def _read(folder: Path, name: str) -> Iterator[str]:
    path = next(iter(folder.glob(f"{name}.jsonl*")))
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            yield f"{row.get('title') or ''} {row['text']}".strip()
