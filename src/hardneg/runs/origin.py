"""What a run was made from, as far as its folder says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardneg.data.dataset import Dataset
from hardneg.data.readers.own import is_parquet_folder
from hardneg.data.reading import read_dataset
from hardneg.errors import RunError
from hardneg.files import check_links
from hardneg.runs import layout
from hardneg.runs.record import read_record
from hardneg.runs.state import read_recipe, read_state


def read_dataset_of(
    run: Path,
    dataset: str | Path | None = None,
    *,
    mapping: Mapping[str, Any] | None = None,
    skip_invalid: bool = False,
) -> Dataset:
    """Read the dataset that a run was made from; what is named and said here goes before what the run says."""
    settings: dict[str, Any] = {"path": dataset} if dataset is not None else dataset_of(run)
    place, skips = settings.pop("path"), settings.pop("skip_invalid", False)
    return read_dataset(place, mapping={**settings, **(mapping or {})}, skip_invalid=skip_invalid or skips)


def dataset_of(run: Path) -> dict[str, Any]:
    """Find the dataset that a run mined, and how it was read."""
    if not run.is_dir():
        raise RunError(f"{run} is no folder; name the folder of a run")
    check_links(run)
    settings = next(filter(None, map(dataset_settings, _places(run))), None)
    if settings is None:
        if not (read_record(run) or any((run / name).exists() for name in (layout.MINING, layout.MANIFEST))):
            raise RunError(
                f"{run} holds nothing that was mined; `hardneg mine DATASET -o {run}` mines into it, or name the "
                "folder of a run"
            )
        raise RunError(f"{run} does not say which dataset was mined; name it before the run, or with --dataset")
    return settings


def dataset_settings(run: Path) -> dict[str, Any]:
    """Give what a folder says of its dataset, as the table `[dataset]` of a recipe; empty if it says nothing."""
    if run.parent.name == layout.ALSO.name:
        of_run = run.parents[3] if run.parents[2].name == "stages" else run.parents[1]
        named = read_state(of_run / layout.MANIFEST, keys=()).get(layout.ALSO.name, {}).get(run.name)
        if isinstance(named, dict) and "path" in named:
            return named
    built = run / "dataset"
    if built.is_dir() and is_parquet_folder(built):
        return {"path": str(built)}
    table = read_recipe(run).get("dataset")
    if isinstance(table, dict) and "path" in table:
        return table
    record = read_record(run)
    return {} if record is None or record.dataset is None else {"path": record.dataset, **record.layout}


def model_of(run: Path) -> str | None:
    """Find the model that a run is about: that of its recipe, or the only one that it searched with; None if none."""
    check_links(run)
    for place in _places(run):
        if "model" in (table := read_recipe(place)):
            return str(table["model"])
    models = read_state(run / layout.MINING, keys=()).get("models", [])
    if len(models) > 1:
        raise RunError(f"{run} was mined with several models ({', '.join(models)}); name the one to train with --model")
    return models[0] if models else None


def _places(run: Path) -> list[Path]:
    """List where it may be said what was mined: in a folder, and in the run that it is a stage of."""
    return [run, run.parents[1]] if run.parent.name == "stages" else [run]


def split_of(run: Path) -> str:
    """Find the split that a run mined for; a RunError if nothing was mined into the folder itself."""
    state = read_state(run / layout.MINING, keys=("split",))
    if not state:
        raise RunError(f"{run} holds no {layout.MINING}; mine first, or name the folder of a finished run")
    return str(state["split"])
