"""The small JSON files in which a run says what it is, and audits what they found: read back, damaged or not.

What cannot be made anew from the rest has a copy beside it, which takes its place where it is damaged:

manifest.json  .manifest.json.copy
"""

import errno
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hardneg.checksums import checked, is_damaged
from hardneg.errors import RunError
from hardneg.files import from_json, from_toml, json_bytes, replacing, write_json
from hardneg.runs import layout

_AGAIN = "delete it, and call the command that wrote it again"
# What is said where neither a file nor its copy can be read.
_WAYS_OUT = {
    layout.MANIFEST: "delete it alone to go on: what stages took is forgotten, and all else is kept",
    layout.FIT: "delete it alone to go on: what it said is found out again, from what is done",
    layout.PLAN: "delete it alone to go on: what it said is found out again, from what is done",
    layout.MINING: "delete the folder to mine anew; nothing else says what its negatives are of",
    layout.TRAINING: "delete the folder to train anew; nothing else says what its model was trained on",
}
_log = logging.getLogger(__name__)
_SHOWN = ("contamination", "leakage", "coverage")


def write_state(path: Path, value: object) -> None:
    """Write a JSON object, and a copy of it beside it."""
    for place in (_copy_of(path), path):
        with replacing(place) as temporary:
            temporary.write_bytes(json_bytes(value))


def mend_state(path: Path) -> None:
    """Put the copy of a JSON file in its place where that is damaged, and the other way round; for writers alone."""
    copy = _copy_of(path)
    if path.exists() and copy.exists() and is_damaged(path) != is_damaged(copy):
        damaged, whole = (path, copy) if is_damaged(path) else (copy, path)
        _log.warning("%s is damaged; it is made anew from %s", damaged, whole.name)
        with replacing(damaged) as temporary:
            temporary.write_bytes(whole.read_bytes())


def read_state(path: Path, *, keys: tuple[str, ...], way_out: str | None = None) -> dict[str, Any]:
    """Read a JSON object that a run wrote; its copy where it is damaged."""
    if not path.exists():
        return {}
    way_out, copy = way_out or _WAYS_OUT.get(path.name, _AGAIN), _copy_of(path)
    if is_damaged(path) and copy.exists() and not is_damaged(copy):
        _log.warning("%s is damaged; %s is read in its place", path, copy.name)
        path = copy
    checked(path, way_out=way_out)
    try:
        state = from_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} is damaged ({error}); {way_out}") from error
    if not isinstance(state, dict):
        raise RunError(f"{path} holds no object of JSON, so hardneg did not write it; {way_out}")
    lacking = [key for key in keys if key not in state]
    if lacking:
        raise RunError(f"{path} lacks {', '.join(lacking)}, so hardneg did not write it; {way_out}")
    return state


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines, but for a last one that was written in part; none if it is not there."""
    if not path.exists():
        return []
    checked(path)
    with whole_lines(path):
        lines = [from_json(line) for line in path.read_bytes().split(b"\n")[:-1]]
        if not all(isinstance(line, dict) for line in lines):
            raise TypeError("a line is no object")
        return lines


def read_recipe(folder: Path) -> dict[str, Any]:
    """Read the recipe that a run wrote down, as it stands there; empty if it wrote none."""
    path = folder / layout.RECIPE
    if not path.exists():
        return {}
    try:
        return from_toml(checked(path, way_out=_AGAIN).read_bytes())
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged ({error}); {_AGAIN}") from error


def _copy_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.copy")


# What comes of files that are whole, each by itself, and hold something else than they should.
MISFITS = (ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError)


@contextmanager
def whole_lines(path: Path) -> Iterator[None]:
    """Turn what comes of damaged JSON, and of what is no figure in it, into a RunError."""
    try:
        yield
    except (*MISFITS, RecursionError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise RunError(f"{path} cannot be read ({reason}); delete it, or make it anew") from error
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise RunError(f"{path} names a file by a name that none can have; delete it, or make it anew") from error


def write_audit(audit: Mapping[str, Any], folder: Path) -> Path:
    """Write what an audit or a calibration found, as `--json` prints it."""
    path = folder / layout.AUDITS[audit["kind"]]
    write_json(path, audit)
    return path


def read_audits(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the main figures of all audits in a folder, by kind."""
    audits = {kind: read_state(folder / name, keys=()) for kind, name in layout.AUDITS.items()}
    return {kind: _main_figures(audit) for kind, audit in audits.items() if audit}


def _main_figures(audit: Mapping[str, Any]) -> dict[str, Any]:
    if "best" in audit:
        return {"budget": audit.get("budget"), "best": audit["best"] or "none"}
    if "variants" in audit:
        return {"settings": len(audit["variants"])}
    figures = audit.get("figures", {})
    return {name: figures[name]["value"] for name in _SHOWN if name in figures}
