"""How many keys JSON Lines have: looked at before each of them becomes a column."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from hardneg.bounds import MOST_COLUMNS
from hardneg.data.headers import check_width

_STRETCHES, _STRETCH = 32, 2**16  # of the file that are looked at, and the bytes of each


def check_keys(file: IO[bytes], size: int, *, path: Path) -> None:
    """Refuse records with keys without end, for which the time that is needed grows as their square.

    A few stretches of the file are read. Where so many keys stand in one record of them alone that others are likely
    all over the file, its keys are counted one by one, up to the first that is too many.

    References:
        The share of records with a key that none before them had is estimated as by Good (1953), "The population
        frequencies of species and the estimation of population parameters".
    """
    records, n_bytes, counts = 0, 0, Counter[str]()
    for line in _stretches(file, size):
        records, n_bytes = records + 1, n_bytes + len(line)
        counts.update(_keys(line))
        check_width(len(counts), path=path)
    seen_once = sum(1 for n in counts.values() if n == 1)
    if not records or len(counts) + seen_once * size / n_bytes <= MOST_COLUMNS:
        return
    keys: set[str] = set()
    file.seek(0)
    for line in file:
        keys |= _keys(line)
        check_width(len(keys), path=path)


def _stretches(file: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield whole lines of stretches that lie evenly over a file, of a short one all."""
    whole = size <= _STRETCHES * _STRETCH
    for number in range(1 if whole else _STRETCHES):
        start = number * size // _STRETCHES
        file.seek(start)
        if start:
            file.readline()  # that which the stretch begins within
        while file.tell() < (size if whole else start + _STRETCH) and (line := file.readline()):
            yield line


def _keys(line: bytes) -> set[str]:
    """List the keys of a record, with those of objects within it; none if it cannot be read."""
    keys: set[str] = set()
    try:
        _add_keys(json.loads(line), "", keys)
    except (ValueError, RecursionError):
        return set()
    return keys


def _add_keys(value: Any, above: str, keys: set[str]) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        for key, inner in value.items():
            keys.add(f"{above}.{key}")
            _add_keys(inner, f"{above}.{key}", keys)
    elif isinstance(value, list):
        for inner in value:
            _add_keys(inner, f"{above}[]", keys)
