"""Reading back the small JSON files in which a run says what it is."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hardneg.errors import RunError

_WAY_OUT = "name another folder with -o, or delete this one to begin anew"


def read_state(path: Path, *, keys: tuple[str, ...]) -> dict[str, Any]:
    """Read a JSON object that a run wrote."""
    if not path.exists():
        return {}
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} is damaged ({error}); {_WAY_OUT}") from error
    lacking = [key for key in keys if key not in state] if isinstance(state, dict) else list(keys)
    if lacking:
        raise RunError(f"{path} lacks {', '.join(lacking)}, so hardneg did not write it; {_WAY_OUT}")
    return state


@contextmanager
def whole_lines(path: Path) -> Iterator[None]:
    """Turn what json says of a damaged file into a RunError."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} cannot be read ({error}); delete it, or make it anew") from error
