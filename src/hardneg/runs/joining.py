"""Whether what a run wrote by ids belongs to a dataset: texts and labels are asked for apart."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.files import check_links
from hardneg.runs import layout
from hardneg.runs.state import read_state

_INSIDE = ("negatives", "candidates", "scores", "review")  # folders that a run has in its own


def data_of(dataset: Dataset) -> dict[str, str]:
    """Describe a dataset for those who will join what is written now with it: `texts` and `labels`."""
    return {"texts": dataset.texts_fingerprint, "labels": dataset.labels_fingerprint}


def check_data(place: Path, dataset: Dataset, *, allow_other_data: bool = False, labels: bool = True) -> str:
    """Make sure that what stands under ids in a run was made from the texts of a dataset.

    Texts that differ are never joined: an id would bring another text than the one that was mined. Labels that differ
    are joined on request. What the user should know of it is given back, empty if all is as it was.
    """
    where, written = written_data(place)
    if not written:
        return f"{place} does not say which data it was made from; only its ids were looked up in {dataset.name}"
    return check_written(written, dataset, where=where, allow_other_data=allow_other_data, labels=labels)


def check_written(
    written: dict[str, Any], dataset: Dataset, *, where: Path, allow_other_data: bool = False, labels: bool = True
) -> str:
    """Compare what was written down about the data with a dataset."""
    if "texts" not in written:
        if written["dataset"] == dataset.fingerprint:
            return ""
        raise RunError(
            f"{where} belongs to other data than {dataset.name}, and was written by a version of hardneg that does not "
            "say whether texts or only labels differ; name the dataset that was mined, or mine into another folder"
        )
    if written["texts"] != dataset.texts_fingerprint:
        raise RunError(
            f"{where} was made from other texts than those of {dataset.name}: its ids may mean other texts now. Name "
            f"the dataset that it was made from, or mine {dataset.name} into another folder"
        )
    if not labels or written.get("labels", dataset.labels_fingerprint) == dataset.labels_fingerprint:
        return ""
    if not allow_other_data:
        raise RunError(
            f"{where} was made with other labels than those of {dataset.name}, from the same texts: what it calls a "
            "negative may be an answer by now. Mine again into another folder, or join them all the same with "
            "allow_other_data=True, which leaves out what has become an answer"
        )
    return f"{where} was made with other labels than those of {dataset.name}"


def written_data(place: Path) -> tuple[Path, dict[str, Any]]:
    """Find what was written down about the data that something was made from."""
    beside = place.with_suffix(".json")
    if place.suffix == ".parquet" and place.is_file() and beside.is_file():
        with suppress(RunError):  # any file may be called so
            record = read_state(beside, keys=())
            if "texts" in record:
                return place, record
    if place.is_dir():
        check_links(place)
    elif place.is_symlink():
        check_links(place.parent)
    folders = [place] if place.is_dir() else [place.parent]
    if folders[0].name in _INSIDE:
        folders.append(folders[0].parent)
    for folder in folders:
        mined = read_state(folder / layout.MINING, keys=("dataset",))
        if mined:
            return folder, mined
        manifest = read_state(folder / layout.MANIFEST, keys=())
        pinned = manifest.get("fingerprints") if isinstance(manifest, dict) else None
        if isinstance(pinned, dict) and "dataset" in pinned:
            return folder, pinned
    return place, {}
