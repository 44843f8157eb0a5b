"""Which files of a source tree are read."""

import importlib.util
import sysconfig
from collections.abc import Collection, Sequence
from pathlib import Path

from hardneg.domains.code.languages import LANGUAGE_OF
from hardneg.errors import DatasetError

_NEVER = {"__pycache__", "site-packages", "dist-packages", "node_modules", "lib-dynload"}
_NOT_IN_STDLIB = {"test", "tests", "idle_test", "turtledemo"}


def source_files(paths: Sequence[str | Path], languages: Collection[str]) -> list[tuple[str, Path]]:
    """List the source files of all paths, each once."""
    labels: dict[Path, str] = {}
    for path in paths:
        root, excluded = _root(path, languages)
        prefix = f"{root.name}/" if len(paths) > 1 else ""
        files = [root] if root.is_file() else sorted(root.rglob("*"))
        for file in files:
            relative = Path(file.name) if file == root else file.relative_to(root)
            outside = any(part in excluded or part.startswith(".") for part in relative.parts[:-1])
            if LANGUAGE_OF.get(file.suffix) in languages and not outside and file.is_file():
                labels.setdefault(file, prefix + relative.as_posix())
    return [(label, file) for file, label in labels.items()]


def is_minified(source: bytes) -> bool:
    """Whether a file was written by a program, with hardly a line break: nobody documents or looks for such code."""
    return len(source) > 300 * (source.count(b"\n") + 1)


def _root(path: str | Path, languages: Collection[str]) -> tuple[Path, set[str]]:
    """Find the folder or file that a path or package name means, and the folders to leave out."""
    if str(path) == "stdlib":
        return Path(sysconfig.get_path("stdlib")), _NEVER | _NOT_IN_STDLIB
    place = Path(path)
    if place.is_dir() or (LANGUAGE_OF.get(place.suffix) in languages and place.is_file()):
        return place, _NEVER
    try:
        spec = importlib.util.find_spec(str(path)) if str(path).isidentifier() else None
    except (ImportError, ValueError):
        spec = None
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))), _NEVER
    if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
        return Path(spec.origin), _NEVER
    raise DatasetError(
        f"neither a folder, a file of {' or '.join(languages)}, nor an installed package of Python with source",
        path=place,
    )
