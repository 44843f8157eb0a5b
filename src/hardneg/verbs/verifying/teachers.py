"""Whether the models of a teacher are those that were trained, each for the fold that was kept from it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hardneg.data.dataset import Dataset
from hardneg.errors import InputError
from hardneg.runs.parts import read_table
from hardneg.runs.state import read_state
from hardneg.scoring.folds import FOLDS, RECORD, FoldTable, assign_folds
from hardneg.verbs.verifying.checks import Checked


def check_teacher(place: Path, dataset: Dataset | None, *, where: str) -> Iterator[Checked]:
    """Check one teacher."""
    record = read_state(place / RECORD, keys=("n_folds", "seed", "group", "inputs", "folds"))
    if len(record["folds"]) < record["n_folds"]:
        yield Checked("teacher", where, "not checked", "it is not finished: the same command goes on")
    yield _folds(place, record, dataset, where)
    for number, entry in sorted(record["folds"].items()):
        yield _model(place / entry["model"], entry["fingerprint"], record["inputs"], f"{where}/fold-{number}")
    figures = read_state(place / "evaluation.json", keys=("before", "after", "gain"))
    if figures:
        yield _gains(figures, where)


def _folds(place: Path, record: dict[str, Any], dataset: Dataset | None, where: str) -> Checked:
    table, inputs = read_table(place / FOLDS), record["inputs"]
    if dataset is None or dataset.fingerprint != inputs.get("dataset"):
        return Checked("folds", where, "not checked", "the dataset is not known; name it with --dataset")
    queries = dataset.queries_of(inputs["split"])
    fold = assign_folds(dataset, record["n_folds"], seed=record["seed"], group=record["group"])
    if not FoldTable.record(dataset, queries, fold[queries], group=record["group"]).rows.equals(table):
        return Checked("folds", where, "wrong", "queries are not in the folds that the seed deals them to")
    return Checked("folds", where, "fine", f"{table.height:,} texts are in the folds that the seed deals them to")


def _model(model: Path, fingerprint: str, inputs: dict[str, Any], where: str) -> Checked:
    from hardneg.teachers.start import load_start, weights_fingerprint

    try:
        loaded = load_start(model, max_tokens=inputs.get("max_tokens"), seed=0, device="cpu")
    except InputError as error:
        return Checked("model", where, "wrong", str(error))
    if weights_fingerprint(loaded) != fingerprint:
        return Checked("model", where, "wrong", "its weights are not those that were trained")
    return Checked("model", where, "fine", "it loads, and its weights are those that were trained")


def _gains(figures: dict[str, Any], where: str) -> Checked:
    off = [
        name
        for name, gain in figures["gain"].items()
        if not np.isclose(
            gain["difference"], figures["after"][name]["value"] - figures["before"][name]["value"], rtol=0, atol=1e-9
        )
    ]
    if off:
        return Checked("metrics", where, "wrong", f"the gains in {', '.join(off)} are not what re-ranking changed")
    return Checked("metrics", where, "fine", f"{len(figures['gain'])} gains are what re-ranking changed")
