"""Writing files and folders so that a reader never sees half of a step."""

import errno
import json
import os
import re
import resource
import shutil
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

from hardneg.addresses import refuse_address
from hardneg.checksums import note, note_tree
from hardneg.errors import HardnegError, InputError, RunError

if TYPE_CHECKING:
    import numpy as np

_UNPACKED, _RATIO = 2**28, 4  # an archive may unpack to so many bytes, or to so many times its own
_LONGEST_TOML = 2**17  # bytes
_ROOM, _PAGE = 1 << 20, bytes(1 << 14)  # bytes that are left on a disk on which something did not fit; written at once
# A way of packing that nobody knows, a password, and what NumPy raises of headers, which it reads as Python.
_UNREADABLE = (RuntimeError, SyntaxError, TokenError, MemoryError, IndexError, AttributeError, OverflowError)
TEMPORARY = ".hardneg.tmp"
_BEFORE = f".before{TEMPORARY}"  # what was at the place of a new folder


def cache_folder() -> Path:
    """Where what can be made or brought again is kept: `$HARDNEG_CACHE`, or `hardneg` in the user's cache folder."""
    given = os.environ.get("HARDNEG_CACHE")
    if given:
        refuse_address(given, purpose="HARDNEG_CACHE")
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hardneg"


def check_folder(path: Path | None) -> None:
    """Refuse an output folder that is a file, lies inside one, or has links out of it, before anything is done."""
    refuse_address(path, purpose="-o")
    for place in () if path is None else (path, *path.parents):
        if place.is_file():
            raise InputError(f"{path}: {place} is a file, but the result is a folder; name another place")
    if path is not None:
        check_links(path)


def named_path(name: str | Path) -> Path | None:
    """Give the path that a name may be; None if it can be none, since the system has no such paths."""
    try:
        path = Path(name).expanduser()
        path.exists()
    except (OSError, ValueError, RuntimeError):  # too long, zeros in it, a home folder of nobody
        return None
    return path


def from_here(name: str) -> str:
    """Make a name that is a path absolute: a recipe looks for its own names beside itself first."""
    path = named_path(name)
    return name if path is None or not path.exists() else str(path.resolve())


def check_links(folder: Path) -> None:
    """Refuse a run's folder with a link to something outside: whoever made it may mean to have that read, or changed.

    Folders that no run has are not looked into: hidden ones, and Python's virtual environments.
    """
    root = folder.resolve()
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and not _is_venv(Path(place, name))]
        for name in (*folders, *names):
            path = Path(place, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise RunError(
                    f"{path} is a link to {os.readlink(path)}, out of {folder}; put the file itself in its place, or "
                    "delete the link"
                )


def _is_venv(folder: Path) -> bool:
    return (folder / "pyvenv.cfg").exists()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have what fails inside for want of room say which file it was about; libraries say so in words of their own."""
    try:
        yield
    except HardnegError:
        raise
    except OSError as error:
        if error.filename is None:  # of a write to a file that is open
            raise type(error)(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error
        raise
    except Exception as error:
        if refusal := _refusal(path):
            raise OSError(refusal, os.strerror(refusal), str(path)) from error
        raise


def _refusal(path: Path) -> int:
    """Ask the system why something could not be written, by writing a little more beside it; 0 if it lets us."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    begun = [each for each in path.parent.iterdir() if each.name.startswith(f".{path.name}.")]
    files = (file for each in begun for file in (each, *each.rglob("*")) if file.is_file())
    if limit != resource.RLIM_INFINITY and any(file.stat().st_size >= limit for file in files):
        return errno.EFBIG
    try:
        with tempfile.TemporaryFile(dir=path.parent, buffering=0) as more:
            for _ in range(_ROOM // len(_PAGE)):
                if 0 <= limit < more.tell() + len(_PAGE):
                    break
                more.write(_PAGE)
            os.fsync(more.fileno())
    except OSError as error:
        return error.errno or errno.EIO
    return 0


@contextmanager
def replacing(path: Path, *, sums: bool = True) -> Iterator[Path]:
    """Give a temporary name beside `path`; on success it takes the place of `path` in one step.

    Its checksum is written down beside it, unless it is no file of hardneg's own (`sums`).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with naming(path):
            yield temporary
            if sums:
                note(path, temporary)
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Write a value so that people can read it too."""
    with replacing(path) as temporary:
        temporary.write_bytes(json_bytes(value))


def from_json(text: str | bytes) -> Any:  # noqa: ANN401 - whatever JSON may hold
    """Parse JSON; nesting without end is a ValueError like all else that may be wrong with it."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def from_toml(content: bytes | str) -> dict[str, Any]:
    """Parse TOML; what is longer than any recipe is a ValueError, since the time for it may grow as its square."""
    if len(content) > _LONGEST_TOML:
        raise ValueError(f"it has {len(content):,} bytes, and no recipe has more than {_LONGEST_TOML:,}")
    return tomllib.loads(content if isinstance(content, str) else content.decode("utf-8"))


def json_bytes(value: object) -> bytes:
    """Give the content of a JSON file."""
    return (json.dumps(value, indent=2) + "\n").encode()


def temporary_folder(path: Path) -> Path:
    """Name the folder in which something is made that will be put at `path`."""
    return path.with_name(f".{path.name}{TEMPORARY}")


def forget_temporaries(folder: Path) -> None:
    """Remove what killed processes left below a folder; only for who holds a lock by which nobody else writes there."""
    for path in list(folder.rglob(f".*{TEMPORARY}")):
        whole = path.with_name(path.name.removesuffix(_BEFORE)[1:])
        if path.name.endswith(_BEFORE) and not whole.exists():
            path.rename(whole)
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def forget_temporaries_of(folder: Path, stem: str) -> None:
    """Remove what killed processes left of files of one name and any suffix; only for who holds the lock of it."""
    name = re.compile(rf"\.{re.escape(stem)}\.\w+\.\d+{re.escape(TEMPORARY)}")
    for path in filter(lambda each: name.fullmatch(each.name), list(folder.iterdir())):
        path.unlink(missing_ok=True)


@contextmanager
def opened_arrays(path: Path) -> "Iterator[Mapping[str, np.ndarray]]":
    """Open an archive of arrays, without objects; a RunError if it would unpack to far more than its own size."""
    import numpy as np

    try:
        with path.open("rb") as file:
            with zipfile.ZipFile(file) as archive:
                unpacked = sum(each.file_size for each in archive.infolist())
            if unpacked > max(_UNPACKED, _RATIO * path.stat().st_size):
                raise RunError(f"{path} would unpack to {unpacked:,} bytes, so hardneg did not write it; delete it")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                yield arrays
    except _UNREADABLE as error:
        raise ValueError(str(error)) from error


@contextmanager
def replacing_folder(path: Path, *, sums: bool = True) -> Iterator[Path]:
    """Give a temporary folder beside `path`; on success it takes the place of `path`, contents and all.

    Its files have their checksums written down, unless they are none of hardneg's own (`sums`).
    """
    temporary, before = temporary_folder(path), path.with_name(f".{path.name}{_BEFORE}")
    if before.exists() and not path.exists():  # killed between the two steps below
        before.rename(path)
    for each in (temporary, before):
        shutil.rmtree(each, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        with naming(path):
            yield temporary
            if sums:
                note_tree(temporary)
        if path.exists():
            path.rename(before)
        temporary.rename(path)
    finally:
        if before.exists() and not path.exists():
            before.rename(path)
        for each in (temporary, before):
            shutil.rmtree(each, ignore_errors=True)
