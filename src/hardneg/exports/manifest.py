"""What lies beside an export: what is in it, what its form cannot carry, and what was left out and why."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hardneg.exports.chosen import Chosen
from hardneg.exports.form import Form
from hardneg.exports.forms import WITH_SCORES
from hardneg.runs import layout as layout_of_runs


def manifest_of(form: str, layout: Form, chosen: Chosen, files: Mapping[str, int]) -> dict[str, Any]:
    """Describe an export."""
    lost = dict(layout.cannot)
    if layout.ids == "asked" and not chosen.ids:
        lost["ids"] = "not asked for; say --ids"
    if layout.scores == "asked" and not chosen.scores:
        lost["scores"] = "not asked for; say --scores"
    elif layout.scores not in ("never", "kept"):
        lost[WITH_SCORES[0]] = WITH_SCORES[1]
    if chosen.scores and layout.scores != "never":
        lost.pop("scores", None)
    return {
        "form": form,
        "reader": layout.reader,
        "row": layout.row,
        "dataset": chosen.dataset.name,
        "texts": chosen.dataset.texts_fingerprint,
        "labels": chosen.dataset.labels_fingerprint,
        "split": chosen.split,
        "queries": int(chosen.pairs["query"].n_unique()),
        "positives": chosen.pairs.height,
        "negatives": chosen.negatives.height,
        "files": dict(files),
        "cannot_carry": lost,
        "left_out": {reason: count for reason, count in chosen.left_out.items() if count},
        "hardneg": version("hardneg"),
    }


def manifest_path(path: Path, layout: Form) -> Path:
    """Say where it lies: in a folder, or beside a file under a name that no trainer takes for one of records.

    FlagEmbedding reads each `.json` of a folder that it is given.
    """
    return path / layout_of_runs.MANIFEST if layout.is_folder else path.with_name(f"{path.name}.manifest")


def write_manifest(place: Path, content: Mapping[str, Any]) -> None:
    """Write it so that people can read it too."""
    place.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def is_export(folder: Path) -> bool:
    """Tell whether a folder was written by an export, which may take its place."""
    try:
        return "cannot_carry" in json.loads((folder / layout_of_runs.MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False
