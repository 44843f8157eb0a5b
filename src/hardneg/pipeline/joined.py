"""Mined negatives as they are given in Python: what mining returned, a run folder, a file, or a table."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import polars as pl

from hardneg.arguments import check_tables, check_texts
from hardneg.data.dataset import Dataset
from hardneg.data.given import check_dataset
from hardneg.negatives.own import without_answers
from hardneg.pipeline.mined import Mined
from hardneg.runs import layout
from hardneg.runs.found import found_of, with_found
from hardneg.runs.origin import read_dataset_of, split_of
from hardneg.runs.parts import read_joined

Negatives = Mined | Path | str | pl.DataFrame


@dataclass(frozen=True, eq=False)
class Joined:
    """Mined negatives and what they belong to."""

    dataset: Dataset  # with what was found as positives
    negatives: pl.DataFrame  # less what answers its query by now
    found: pl.DataFrame
    split: str
    run: Path | None = None
    notes: tuple[str, ...] = ()  # what was left out, and what nobody knows
    n_answers: int = 0


def dataset_for(dataset: Dataset | None, negatives: object) -> Dataset | None:
    """Take the dataset that is given, else the one that negatives were mined from, as far as they know it."""
    if dataset is None and isinstance(negatives, Path | str):
        return read_dataset_of(Path(negatives))
    return negatives.dataset if dataset is None and isinstance(negatives, Mined) else dataset


def join(
    purpose: str, dataset: Dataset | None, negatives: Negatives, *, split: str | None, allow_other_data: bool
) -> Joined:
    """Join negatives with a dataset; what is not named is what they say of themselves: dataset, and split mined."""
    check_texts(purpose, **({} if split is None else {"split": split}))
    run = Path(negatives) if isinstance(negatives, Path | str) else None
    mined = negatives if isinstance(negatives, Mined) else None
    dataset = dataset_for(dataset, negatives)
    check_dataset(dataset, purpose=purpose)
    assert dataset is not None
    n_answers, notes = 0, tuple[str, ...]()
    if run is not None:
        table, n_answers, lines = read_joined(run, dataset, allow_other_data=allow_other_data)
        notes = tuple(lines)
        of = split or (split_of(run) if (run / layout.MINING).exists() else "train")
        positives = found_of(run, dataset, split=of)
    elif mined is not None:
        run, of, table = mined.folder, split or mined.plan.split, mined.negatives
        positives = mined.found if of == mined.plan.split else mined.found.clear()
    else:
        check_tables(purpose, ("query", "document"), optional=False, negatives=negatives)
        of, positives = split or "train", pl.DataFrame()
        table = cast(pl.DataFrame, negatives)
    if run is None or mined is not None:
        table, n_answers = without_answers(table, dataset)
    return Joined(with_found(dataset, positives, split=of), table, positives, of, run, notes, n_answers)
