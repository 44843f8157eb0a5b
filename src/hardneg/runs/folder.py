"""The folder of a run: what was asked for, what each stage found, what it cost; `layout` says what lies where."""

import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from hardneg.errors import RunError
from hardneg.files import check_links, replacing
from hardneg.runs import layout
from hardneg.runs.cost import Cost, measured
from hardneg.runs.state import mend_state, read_state, write_state

_PACKAGES = ("hardneg", "numpy", "numba", "polars", "torch", "transformers", "sentence-transformers", "accelerate")


@dataclass(frozen=True)
class RunFolder:
    """A run on disk."""

    path: Path
    manifest: dict[str, Any] = field(repr=False)  # `manifest.json`; written whenever a stage begins or ends
    shared: Path | None = None  # where several runs keep what they mine, each thing once; None keeps it here

    @classmethod
    def open(cls, path: Path, *, recipe: str, resolved: str, seed: int, shared: Path | None = None) -> "RunFolder":
        """Make the folder of a run, or go on with one that was made for the same recipe."""
        check_links(path)
        file = path / layout.MANIFEST
        mend_state(file)
        manifest = read_state(file, keys=("recipe", "stages"))
        if manifest and manifest["recipe"] != recipe:
            if not _has_results(path):
                # Nothing was found yet: the other recipe was wrong, say in its split, and has been mended.
                shutil.rmtree(path / "dataset", ignore_errors=True)
                file.unlink()
                return cls.open(path, recipe=recipe, resolved=resolved, seed=seed, shared=shared)
            raise RunError(
                f"{path} holds a run of another recipe (its own is {path / layout.RECIPE}); "
                "name another folder with -o, or delete this one"
            )
        if not manifest and _has_results(path):
            _check_recipe(path / layout.RECIPE, resolved)
        folder = cls(path, manifest, shared)
        manifest |= {"recipe": recipe, "seed": seed, "versions": versions(), "machine": machine()}
        manifest.setdefault("stages", {})
        with replacing(path / layout.RECIPE) as temporary:
            temporary.write_text(resolved)
        folder.save()
        return folder

    def save(self) -> None:
        """Write the manifest."""
        write_state(self.path / layout.MANIFEST, self.manifest)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Do a stage and write down that it is done and what it cost; one that is interrupted is still `stage`."""
        costs = {stage: Cost(**figures) for stage, figures in self.manifest["stages"].items()}
        self.manifest["stage"] = name
        self.save()
        try:
            with measured(costs, name):
                yield
            del self.manifest["stage"]
        finally:
            self.manifest["stages"] = {stage: cost.as_dict() for stage, cost in costs.items()}
            self.save()

    def pin(self, name: str, value: str) -> None:
        """Write down a fingerprint of an input, or check that it is the same as when the run began."""
        before = self.manifest.setdefault("fingerprints", {}).setdefault(name, value)
        if before != value:
            raise RunError(
                f"{self.path} was begun with another {name}: it has changed since; "
                "name another folder with -o, or delete this one"
            )


def _has_results(path: Path) -> bool:
    """Say whether a run has found anything yet that belongs to its recipe."""
    begun = (path / "training", path / "stages", path / layout.MINING, *path.glob(f"evaluation/*/{layout.METRICS}"))
    return any(each.exists() for each in begun)


def _check_recipe(path: Path, resolved: str) -> None:
    """Make sure that a run without its manifest goes on with the recipe that it was begun with."""
    if path.exists() and path.read_text(encoding="utf-8", errors="replace") != resolved:
        raise RunError(
            f"{path.parent} lacks its {layout.MANIFEST} and holds results of another recipe, {path}; go on with that "
            "one, or name another folder with -o"
        )


def link_tree(source: Path, target: Path) -> None:
    """Put a second name on every file of a folder, or copy where the file system knows no links."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def versions() -> dict[str, str]:
    """List the versions of Python and of the packages that decide results."""
    numbers = {"python": platform.python_version()}
    for package in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            numbers[package] = metadata.version(package)
    return numbers


def machine() -> str:
    """Say in a few words what this machine is."""
    return f"{os.cpu_count()} CPU cores, {platform.machine()}, {platform.system()}"
