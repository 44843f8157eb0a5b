"""What lies at an address, brought to a folder of the cache: only what is not there yet, and checked.

CACHE/brought/KEY/content/NAME   the folder or file; the key is of the address
CACHE/brought/KEY/brought.json   for each file what the store said of it, its checksum, and what the system says of it
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from hardneg.addresses import address_of, standing_place
from hardneg.checksums import digest, file_stamp
from hardneg.errors import StorageError
from hardneg.files import cache_folder, replacing
from hardneg.progress import task
from hardneg.storage.listing import INSIDE, check_name, read_listing
from hardneg.storage.objects import Objects

_AT_A_TIME = 8
_TRIES = 3  # for what is changed while it is read
_ABOVE = 2  # folders in which a published folder may be looked for that a file is of


@dataclass(frozen=True)
class WantedFile:
    """A file that is to be there."""

    object: str
    size: int
    tag: str  # changes with the content
    digest: str | None = None  # what was published; None of what somebody else put there


def bring(name: str | Path) -> Path:
    """Bring what lies at an address to the cache, and give the path; what is there already is not read again.

    Of a folder that hardneg published, each file is compared with the checksum that it was published with.

    Args:
        name: `s3://BUCKET/NAME`, `gs://…`, `az://…`: a folder, or a file.

    Returns:
        A folder or file that the next call for the same address may change.

    Raises:
        StorageError: Nothing is there, the store cannot be reached, or what is there is not what was published.
        MissingExtraError: The package for such addresses is not installed.
    """
    address = address_of(name)
    if address is None:
        raise StorageError(str(name), "is no address of object storage; write s3://BUCKET/NAME")
    published_here = standing_place(address)
    if published_here is not None and published_here.exists():
        return published_here
    place = place_of(address, "brought")
    objects, content = Objects(address), place / "content" / address.rpartition("/")[2]
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / ".lock"):
        for _ in range(_TRIES):
            source, wanted = _wanted(objects)
            if not wanted:
                raise StorageError(address, "holds nothing; is the name right, and the bucket there?")
            if brought(source, wanted, content, place / "brought.json") and _wanted(objects)[1] == wanted:
                return content
    raise StorageError(address, "is being changed while it is read; try again when it is whole")


def here(name: str | Path) -> Path:
    """Give the place on this machine of a path, or of what lies at an address, which is brought."""
    return Path(name) if address_of(name) is None else bring(name)


def place_of(address: str, kind: str) -> Path:
    """Name the folder of the cache that belongs to an address."""
    return cache_folder() / kind / hashlib.blake2b(address.encode(), digest_size=8).hexdigest()


def _wanted(objects: Objects) -> tuple[Objects, dict[str, WantedFile]]:
    """Say what there is: by the list of the published folder that it is, or is part of, or as it lies there."""
    folder, below = objects, ""
    for _ in range(_ABOVE + 1):
        files = _published(folder, below)
        if files:
            return folder, files
        head, _, tail = folder.address.rpartition("/")
        if head.count("/") < 2:  # the bucket was looked into
            break
        folder, below = Objects(head), f"{tail}/{below}".rstrip("/")
    return _as_it_lies(objects)


def _published(folder: Objects, below: str) -> dict[str, WantedFile]:
    """List what a published folder holds below a name."""
    try:
        listing = read_listing(folder)
    except StorageError:
        if below:  # what lies above may be nobody's business here
            return {}
        raise
    return {
        name[len(below) :].lstrip("/"): WantedFile(each.object, each.size, each.digest, each.digest)
        for name, each in (listing.files if listing else {}).items()
        if name == below or _is_below(name, below)
    }


def _as_it_lies(objects: Objects) -> tuple[Objects, dict[str, WantedFile]]:
    wanted = {}
    for name, stamp in objects.list().items():
        if name:
            check_name(name, objects.address)
        if not name.startswith(f"{INSIDE}/"):
            wanted[name] = WantedFile(name, stamp.size, stamp.tag)
    return objects, {"": wanted[""]} if "" in wanted else wanted


def _is_below(name: str, folder: str) -> bool:
    return not folder or name.startswith(f"{folder}/")


def brought(
    objects: Objects,
    wanted: Mapping[str, WantedFile],
    content: Path,
    notes: Path,
    *,
    missing: Callable[[str], None] | None = None,
) -> bool:
    """Make a folder, or a file, hold what is wanted and nothing else; False if an object is gone meanwhile.

    `missing` is told of objects that are gone, which are left out then.
    """
    before = _read_notes(notes)
    todo = {
        name: each
        for name, each in wanted.items()
        if before.get(name) != [each.tag, each.size, _system(_local(content, name))]
    }
    _forget_others(content, wanted)
    noted = {name: before[name] for name in wanted if name not in todo}
    gone = []

    def fetch(name: str) -> bool:
        return _fetch(objects, todo[name], _local(content, name))

    total = sum(each.size for each in todo.values())
    with (
        task(f"bringing {objects.address}", total=total, unit="bytes") as advance,
        ThreadPoolExecutor(_AT_A_TIME) as pool,
    ):
        jobs = {name: pool.submit(copy_context().run, fetch, name) for name in todo}
        for name, job in jobs.items():
            if job.result():
                noted[name] = [todo[name].tag, todo[name].size, _system(_local(content, name))]
            else:
                gone.append(name)
            advance(todo[name].size)
    with replacing(notes, sums=False) as temporary:
        temporary.write_text(json.dumps(noted))
    if missing is None:
        return not gone
    for name in gone:
        missing(name)
    return True


def _fetch(objects: Objects, wanted: WantedFile, path: Path) -> bool:
    """Bring a file, and compare it with what was published; False if it is not there, or not as it was listed."""
    try:
        with replacing(path, sums=False) as temporary:
            if not objects.fetch(wanted.object, temporary):
                raise _Gone
            _check(objects.at(wanted.object), wanted, temporary)
    except _Gone:
        return False
    return True


def _check(address: str, wanted: WantedFile, path: Path) -> None:
    size = path.stat().st_size
    if size == wanted.size and wanted.digest in (None, digest(path)):
        return
    if wanted.digest is None:
        raise _Gone
    how = f"it has {size:,} bytes, not {wanted.size:,}" if size != wanted.size else "its checksum differs"
    raise StorageError(
        address,
        f"is not what was published there ({how}): bring back that version of it, or delete it, and the command that "
        "writes there makes it anew",
    )


class _Gone(Exception):  # noqa: N818 - it is a state, not an error
    """An object is not there any more."""


def _local(content: Path, name: str) -> Path:
    return content / name if name else content


def _forget_others(content: Path, wanted: Mapping[str, WantedFile]) -> None:
    """Remove what is not wanted any more."""
    is_file = "" in wanted
    if content.is_file() != is_file and content.exists():
        content.unlink() if content.is_file() else shutil.rmtree(content)
    if content.is_dir():
        for path in [each for each in content.rglob("*") if each.is_file()]:
            if path.relative_to(content).as_posix() not in wanted:
                path.unlink()


def _read_notes(path: Path) -> dict[str, object]:
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def _system(path: Path) -> list[int] | None:
    stamp = file_stamp(path)
    return None if stamp is None else list(stamp)
