"""Which dataset a folder was made from, among those that a run, a ladder or a fit worked on."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.errors import InputError
from hardneg.runs import layout
from hardneg.runs.origin import read_dataset_of
from hardneg.runs.parts import read_table
from hardneg.runs.state import read_state
from hardneg.verbs.verifying.summed import raced

_ASIDE = "fresh"  # split of the development queries that a race does not see


def datasets_of(run: Path) -> list[Dataset]:
    """Read the datasets that the folder names, or that lie in it; those that are gone are left out."""
    datasets = []
    with suppress(InputError):
        datasets.append(read_dataset_of(run))
    if not datasets and (run / layout.PLAN).exists():
        with suppress(InputError):
            plan = read_state(run / layout.PLAN, keys=("dataset", "layout", "skip_invalid"))
            datasets.append(read_dataset(plan["dataset"], mapping=plan["layout"], skip_invalid=plan["skip_invalid"]))
    datasets += further_of(run)
    if (run / layout.FIT).exists():
        with suppress(InputError):
            datasets += _of_fit(run, datasets)
    return datasets


def further_of(run: Path) -> list[Dataset]:
    """Read the further datasets of a run; those that are gone are left out."""
    datasets = []
    for place in layout.further(run):
        with suppress(InputError):
            datasets.append(read_dataset_of(place))
    return datasets


def fitting(datasets: list[Dataset], fingerprint: object) -> Dataset | None:
    """Give the dataset of a fingerprint, or the first one, which is another; None if there is none at all."""
    return next((each for each in datasets if each.fingerprint == fingerprint), next(iter(datasets), None))


def _of_fit(run: Path, datasets: list[Dataset]) -> Iterator[Dataset]:
    """Give the dataset of a race, without the labels that it must not see, and that of the last training."""
    for place in raced(run)[:1] if datasets else ():
        data, dev = datasets[0], read_state(place / layout.METRICS, keys=("split",))["split"]
        ids = read_table(place / layout.PER_QUERY).select("query_id")
        asked = pl.Series(data.queries["id"].is_in(ids["query_id"].implode())).arg_true()
        aside = (pl.col("split") == dev) & ~pl.col("query").is_in(asked.implode())
        labels = data.qrels.with_columns(split=pl.when(aside).then(pl.lit(_ASIDE)).otherwise("split"))
        yield data.with_labels(labels)
    if (run / layout.FINAL_DATASET / "qrels.parquet").exists():
        yield read_dataset(run / layout.FINAL_DATASET)
