"""Where in a recipe something stands, and errors that say so."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from hardneg.addresses import address_of, is_endpoint, refuse_address
from hardneg.errors import RecipeError
from hardneg.files import named_path


@dataclass(frozen=True)
class Place:
    """A value in a recipe."""

    file: Path
    key: str = ""
    foreign: bool = False  # whether the file may be another's than the user's

    def at(self, step: str | int) -> "Place":
        """Step into a table by key, or into an array by number from 1."""
        tail = f"[{step}]" if isinstance(step, int) else f".{step}" if self.key else step
        return Place(self.file, self.key + tail, self.foreign)

    def error(self, message: str) -> RecipeError:
        """Make an error that says where."""
        return RecipeError(f"{self.file}: {self.key}: {message}" if self.key else f"{self.file}: {message}")

    def resolve(self, path: str | Path) -> Path:
        """Make a path absolute: beside the recipe if something is there, else from the working directory."""
        try:
            refuse_address(path, purpose="a path")
        except RecipeError as error:
            raise self.error(str(error)) from error
        named = named_path(path)
        if named is None:
            raise self.error("is no path: it is too long, or has characters that no path has")
        path, beside = named, self.file.parent / named
        return (beside if beside.exists() else path).resolve()

    def found(self, name: str) -> str:
        """Make a name that may be a path absolute if something is there, and leave it as it is if not."""
        if named_path(name) is None or address_of(name) is not None or is_endpoint(name):
            return name
        path = self.resolve(name)
        return str(path) if path.exists() else name


def nearest(name: str, known: Collection[str]) -> str:
    """Name the most similar known name, and list them all.

    >>> nearest("ddense", ["bm25", "dense"])
    "did you mean 'dense'? (known: bm25, dense)"
    """
    best = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.0)
    return f"did you mean {best[0]!r}? (known: {', '.join(known)})" if best else "nothing can be named here"
