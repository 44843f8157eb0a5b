"""Which queries are trained on, tuned on and tested on, and that none of them is in two places."""

from dataclasses import dataclass

import numpy as np

from hardneg.data.dataset import DEVELOPMENT, Dataset
from hardneg.errors import DatasetError


@dataclass(frozen=True)
class Splits:
    """The splits of a ladder."""

    train: str
    dev: str | None
    test: str


def choose_splits(dataset: Dataset, *, train: str, dev: str | None, test: str) -> Splits:
    """Make sure that the splits exist and differ, and find the one for development."""
    development = dev or next(
        (name for name in DEVELOPMENT if name in dataset.splits and name not in (train, test)), None
    )
    named = [name for name in (train, development, test) if name is not None]
    if len(set(named)) < len(named):
        raise DatasetError(f"train, dev and test are {', '.join(named)}; they must be different splits")
    for name in named:
        dataset.queries_of(name)
    return Splits(train, development, test)


def shared_queries(dataset: Dataset, splits: Splits) -> dict[str, list[str]]:
    """Find queries that would make a test meaningless: those of test, by id or text, in another split."""
    test = dataset.queries_of(splits.test)
    ids_by_split = {}
    for other in filter(None, (splits.train, splits.dev)):
        there = dataset.query_text_group[dataset.queries_of(other)]
        shared = test[np.isin(dataset.query_text_group[test], there)]
        if len(shared):
            ids_by_split[other] = dataset.queries["id"].gather(shared).to_list()
    return ids_by_split


def refuse_shared(shared: dict[str, list[str]], splits: Splits) -> None:
    """Refuse a test that other splits know."""
    for other, ids in shared.items():
        raise DatasetError(
            f"{len(ids):,} queries of {splits.test!r} are in {other!r} too, by id or by equal text, say {ids[0]!r}: a "
            "score on queries that were trained or tuned on proves nothing. Keep each query in one split, or add "
            "--allow-shared-queries to climb all the same; the result will say so"
        )
