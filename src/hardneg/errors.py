"""Every exception that hardneg raises on purpose.

    HardnegError
    ├── InputError            the user can fix it; the command line exits with 2
    │   ├── DatasetError      a file, a line or an id of a dataset is wrong
    │   ├── RecipeError       a recipe names something that does not exist or does not fit
    │   ├── ModelError        a model or its vectors cannot be used
    │   ├── RunError          a run folder does not fit what was asked of it
    │   │   ├── DamagedError  a file is not what was written
    │   │   └── LockedError   somebody else writes there
    │   ├── StorageError      object storage or an index cannot be reached, or holds something else than it should
    │   └── MissingExtraError an optional dependency is not installed
    └── Interrupted           Ctrl-C in resumable work; the command line exits with 3

Each message says what is wrong, where, and the way out.
"""

import re
from pathlib import Path

from hardneg.hiding import hide_in_message

_EMPTY = re.compile(r"\n\s*\n")  # of a name that somebody typed: a message is one paragraph


def _shown(part: str) -> str:
    return _EMPTY.sub("\n", hide_in_message(part))


class HardnegError(Exception):
    """Anything hardneg raises on purpose; no key, token or password stands in its message, and no empty line."""

    def __init__(self, *parts: object) -> None:
        super().__init__(*(_shown(part) if isinstance(part, str) else part for part in parts))


class InputError(HardnegError):
    """Something the user gave cannot be used; the message says how to mend it."""


class DatasetError(InputError):
    """A dataset is wrong at a known place."""

    def __init__(self, message: str, *, path: Path | str | None = None, line: int | None = None) -> None:
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(f"{where}{message}")
        self.path = path
        self.line = line


class RecipeError(InputError):
    """A recipe names something that does not exist or does not fit."""


class ModelError(InputError):
    """A model or a file of vectors cannot be used."""


class RunError(InputError):
    """A run folder does not fit what was asked of it."""


class DamagedError(RunError):
    """A file is not what was written there."""

    def __init__(self, path: Path, *, way_out: str = "") -> None:
        remedy = way_out or "bring it back from a copy, or delete the folder to make it anew"
        super().__init__(
            f"{path} is damaged: it is not what hardneg wrote there (its checksum differs); {remedy}. If it was "
            f"changed on purpose, delete {path.parent / '.checksums'}"
        )
        self.path = path


class LockedError(RunError):
    """Somebody else writes there."""


class StorageError(InputError):
    """Object storage or an index cannot be reached, or holds something else than was published."""

    def __init__(self, address: str, message: str) -> None:
        super().__init__(f"{address} {message}")
        self.address = address


class MissingExtraError(InputError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}: pip install 'hardneg[{extra}]'")


class Interrupted(HardnegError):  # noqa: N818 - it is a state, not an error
    """Work was stopped on request and can be resumed by the same command."""
