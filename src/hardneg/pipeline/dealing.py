"""A test split for a dataset that has none, dealt once and kept in the folder of a run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.data.splitting import Dealing, split_dataset
from hardneg.errors import RunError

_TEST = "test"


def with_test_split(
    dataset: Dataset, place: Path, *, train: str, test: str, dev_share: float | None = None
) -> tuple[Dataset, dict[str, Any] | None]:
    """Deal a dataset that has no test split, as `hardneg data split` does, or take what was dealt before."""
    if test != _TEST or test in dataset.splits or train not in dataset.splits:
        return dataset, None
    if not (place / "split.json").exists():
        split_dataset(dataset, Dealing(split=train, dev_share=dev_share)).write(place)
    kept = read_dataset(place)
    if kept.texts_fingerprint != dataset.texts_fingerprint:
        raise RunError(f"{place} was dealt from other texts than {dataset.name} has now; name another folder with -o")
    how: dict[str, Any] = json.loads((place / "split.json").read_text(encoding="utf-8"))
    return replace(kept, name=dataset.name, mapping=dataset.mapping, skipped=dataset.skipped), how


def told_dealt(name: str, how: dict[str, Any], place: Path) -> str:
    """Say in a line how a dataset was dealt."""
    queries = ", ".join(f"{split} {count:,}" for split, count in how["queries"].items())
    return f"{name} has no split 'test': its queries were dealt ({queries}) and are kept in {place}"
