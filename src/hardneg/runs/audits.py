"""What audits and calibrations found, in files of a folder, where its report and its status look for it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardneg.files import replacing
from hardneg.runs import layout
from hardneg.runs.state import read_state

_SHOWN = ("contamination", "leakage", "coverage")


def write_audit(found: Mapping[str, Any], folder: Path) -> Path:
    """Write what an audit or a calibration found, as `--json` prints it."""
    path = folder / layout.AUDITS[found["kind"]]
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return path


def read_audits(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the main figures of all audits in a folder, by kind."""
    told = {kind: read_state(folder / name, keys=()) for kind, name in layout.AUDITS.items()}
    return {kind: _figures(found) for kind, found in told.items() if found}


def _figures(found: Mapping[str, Any]) -> dict[str, Any]:
    if "best" in found:
        return {"budget": found.get("budget"), "best": found["best"] or "none"}
    if "variants" in found:
        return {"settings": len(found["variants"])}
    figures = found.get("figures", {})
    return {name: figures[name]["value"] for name in _SHOWN if name in figures}
