"""Whether work is done: all of its files are there, and are what was written."""

import logging
from pathlib import Path

from hardneg.checksums import SUMS, damage_in, is_damaged

_log = logging.getLogger(__name__)


def is_done(*paths: Path) -> bool:
    """Say whether files, or folders with all that is listed in them, are there and whole.

    Of a damaged one the log says that it is made anew.
    """
    damaged = [each for path in paths for each in ([path] if is_damaged(path) else damage_in(path))]
    for path in damaged:
        _log.warning("%s is damaged; it is made anew, and all else is kept", path)
    return not damaged and all(path.exists() for path in paths)


def damage_below(folder: Path) -> list[Path]:
    """List all files below a folder that are not what was written."""
    places = [folder, *(path.parent for path in sorted(folder.rglob(SUMS)) if path.parent != folder)]
    return [path for place in places for path in damage_in(place)]
