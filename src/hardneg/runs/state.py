"""The small JSON files in which a run says what it is, and audits what they found: read back, damaged or not."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hardneg.checksums import checked
from hardneg.errors import RunError
from hardneg.files import from_json, from_toml, write_json
from hardneg.runs import layout

_WAY_OUT = "name another folder with -o, or delete this one to begin anew"
_SHOWN = ("contamination", "leakage", "coverage")


def read_state(path: Path, *, keys: tuple[str, ...]) -> dict[str, Any]:
    """Read a JSON object that a run wrote."""
    if not path.exists():
        return {}
    checked(path, way_out=_WAY_OUT)
    try:
        state = from_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} is damaged ({error}); {_WAY_OUT}") from error
    if not isinstance(state, dict):
        raise RunError(f"{path} holds no object of JSON, so hardneg did not write it; {_WAY_OUT}")
    lacking = [key for key in keys if key not in state]
    if lacking:
        raise RunError(f"{path} lacks {', '.join(lacking)}, so hardneg did not write it; {_WAY_OUT}")
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
        return from_toml(checked(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged ({error}); {_WAY_OUT}") from error


@contextmanager
def whole_lines(path: Path) -> Iterator[None]:
    """Turn what json says of a damaged file into a RunError."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise RunError(f"{path} cannot be read ({reason}); delete it, or make it anew") from error


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
