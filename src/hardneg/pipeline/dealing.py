"""A test split for a dataset that has none, dealt once and kept in the folder of a run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hardneg.checksums import checked
from hardneg.data.dataset import DEVELOPMENT, Dataset
from hardneg.data.reading import read_dataset
from hardneg.data.splitting import Dealing, split_dataset
from hardneg.errors import DatasetError, RunError
from hardneg.files import replacing_folder
from hardneg.runs.done import is_done

_TEST, _SPLIT = "test", "split.json"
_SHARED = 0.1  # of the answers of a test: from there on it does not keep answers apart
_DEV_QUERIES, _DEV_SHARES = 1_000, (0.02, 0.2)  # to choose on, and the shares within which that is had


def with_test_split(
    dataset: Dataset, place: Path, *, train: str, test: str, dev_share: float | None = None
) -> tuple[Dataset, dict[str, Any] | None]:
    """Deal a dataset that has no test split, as `hardneg data split` does, or take what was dealt before."""
    if test != _TEST or test in dataset.splits or train not in dataset.splits:
        return dataset, None
    if not is_done(place, place / _SPLIT):
        with replacing_folder(place) as temporary:
            split_dataset(dataset, Dealing(split=train, dev_share=dev_share)).write(temporary)
    return _kept(dataset, place)


def _kept(dataset: Dataset, place: Path) -> tuple[Dataset, dict[str, Any]]:
    kept = read_dataset(place)
    if kept.texts_fingerprint != dataset.texts_fingerprint:
        raise RunError(f"{place} was dealt from other texts than {dataset.name} has now; name another folder with -o")
    how: dict[str, Any] = json.loads(checked(place / _SPLIT).read_text(encoding="utf-8"))
    return replace(kept, name=dataset.name, mapping=dataset.mapping, skipped=dataset.skipped), how


def with_held_out(
    dataset: Dataset, place: Path, *, train: str, dev: str | None, test: str
) -> tuple[Dataset, dict[str, Any] | None]:
    """Deal the splits for development and for testing that a dataset lacks, or take what was dealt before.

    Development queries are to stand to those of training as the test's do: where more than a tenth of the documents
    that answer a given test are answers in training too, dev may share answers with train, and else not. Where so many
    queries share an answer that they cannot be kept apart by it, splits share positives, as those of datasets with one
    corpus for all do.
    """
    there = set(dataset.splits)
    has_dev = dev is not None or bool(there & set(DEVELOPMENT))
    deals_test = test == _TEST and test not in there
    if train not in there or (has_dev and not deals_test):
        return dataset, None
    if not is_done(place, place / _SPLIT):
        share = None if has_dev else float(np.clip(_DEV_QUERIES / len(dataset.queries_of(train)), *_DEV_SHARES))
        shares = not deals_test and _shared(dataset, train, test) > _SHARED
        how = Dealing(split=train, test_share=None if deals_test else 0.0, dev_share=share, shared_positives=shares)
        try:
            dealt = split_dataset(dataset, how)
        except DatasetError:
            dealt = split_dataset(dataset, replace(how, shared_positives=True))
        with replacing_folder(place) as temporary:
            dealt.write(temporary)
    return _kept(dataset, place)


def _shared(dataset: Dataset, train: str, test: str) -> float:
    """Say what share of the documents that answer a split's queries answer another's too, equal texts as one."""
    of_train, of_test = (np.unique(dataset.text_group[dataset.pairs_of(split)[1]]) for split in (train, test))
    return float(np.isin(of_test, of_train).mean()) if len(of_test) else 0.0


def told_dealt(name: str, how: dict[str, Any], place: Path) -> str:
    """Say in a line how a dataset was dealt."""
    queries = ", ".join(f"{split} {count:,}" for split, count in how["queries"].items())
    missing = " and ".join(repr(split) for split in ("dev", _TEST) if split in how["queries"])
    shared = "; several may share an answer" if how["shared_positives"] else ""
    return f"{name} has no split {missing}: its queries were dealt ({queries}{shared}) and are kept in {place}"
