"""The list of a published folder: which object holds which file, with size and checksum; written last, in one step.

ADDRESS/NAME                        a file of the folder
ADDRESS/.hardneg/DIGEST/NAME        a file that has changed since, for as long as the folder is being written
ADDRESS/.hardneg/list-000001.json   what the folder holds, by its first writer; that of the latest writer counts
ADDRESS/.hardneg/writer-000001.json who that is
"""

import json
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from hardneg.checksums import digest_of
from hardneg.errors import StorageError
from hardneg.files import from_json, json_bytes
from hardneg.storage.objects import Objects

INSIDE = ".hardneg"
LISTS, WRITERS = "list-", "writer-"


@dataclass(frozen=True)
class StoredFile:
    """A file of a published folder."""

    object: str  # the name of the object that holds it
    size: int
    digest: str


@dataclass(frozen=True)
class Listing:
    """What a published folder holds."""

    generation: int = 0  # which writer published it, counted from 1
    files: dict[str, StoredFile] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Tells this content from another."""
        return digest_of(json.dumps(self._files()).encode())

    @property
    def name(self) -> str:
        """The object that it is written to."""
        return f"{INSIDE}/{LISTS}{self.generation:06d}.json"

    @property
    def objects(self) -> set[str]:
        """The names of all objects that hold files."""
        return {each.object for each in self.files.values()}

    def write(self, objects: Objects) -> None:
        """Publish it."""
        objects.write(self.name, json_bytes({"digest": self.key, "files": self._files()}))

    def _files(self) -> dict[str, list[Any]]:
        return {name: [each.object, each.size, each.digest] for name, each in sorted(self.files.items())}


def read_listing(objects: Objects) -> Listing | None:
    """Read the latest list at an address; None if nothing was published there."""
    names = [name for name in objects.list(INSIDE) if _generation(name, LISTS)]
    if not names:
        return None
    content = objects.read(names[-1])
    return read_listing(objects) if content is None else _parsed(content, objects.at(names[-1]), names[-1])


def _parsed(content: bytes, address: str, name: str) -> Listing:
    try:
        table = from_json(content)
        files = {
            path: StoredFile(str(place), int(size), str(digest))
            for path, (place, size, digest) in table["files"].items()
        }
        listing = Listing(_generation(name, LISTS), files)
        if listing.key != table["digest"]:
            raise ValueError("its checksum differs")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(
            address, f"is damaged ({error}); bring back an earlier version of it, or delete it and name another place"
        ) from error
    for path, entry in files.items():
        check_name(path, address)
        check_name(entry.object, address)
    return listing


def check_name(name: str, address: str) -> None:
    """Refuse a name that would lie outside of the folder that it is brought to."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        raise StorageError(address, f"has an object called {name!r}, which is no name of a file; rename or delete it")


def _generation(name: str, kind: str) -> int:
    """Read the number of a list or a writer from its name; 0 if the name is of something else."""
    number = name.removeprefix(f"{INSIDE}/{kind}").removesuffix(".json")
    return int(number) if number.isdigit() else 0


def generations(objects: Objects, kind: str) -> list[tuple[int, str]]:
    """List the numbers and names of what writers left at an address, the earliest first."""
    return sorted((number, name) for name in objects.list(INSIDE) if (number := _generation(name, kind)))
