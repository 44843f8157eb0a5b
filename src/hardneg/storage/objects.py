"""The objects below an address of a store, through fsspec: listed, read, and written each in one step."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardneg.addresses import SCHEMES
from hardneg.errors import HardnegError, MissingExtraError, StorageError

_LARGE = 1 << 26  # bytes; larger files are sent from the disk, in several parts where the store takes them so
# How each store is told to write an object only if none of that name is there.
_IF_NEW: dict[str, dict[str, Any]] = {
    "s3": {"mode": "create"},
    "gs": {"mode": "create"},
    "memory": {"mode": "create"},
    "az": {"overwrite": False},
}
_OVERWRITING: dict[str, dict[str, Any]] = {"az": {"overwrite": True}}
# What is raised where one is there, or what S3 calls it; and where a store does not know how to look.
_REFUSED = ("FileExistsError", "ResourceExistsError", "PreconditionFailed", "ConditionalRequestConflict", "412", "409")
_UNKNOWN = ("NotImplemented", "NotImplementedError", "InvalidArgument", "InvalidRequest", "MethodNotAllowed", "501")


@dataclass(frozen=True)
class Stamp:
    """What a store says of an object, which changes when the object does."""

    size: int
    tag: str


class Objects:
    """All objects whose names begin with an address; names below it are relative."""

    def __init__(self, address: str) -> None:
        """Open a store by the credentials that its own tools use; nothing is asked of it yet."""
        self.address = address
        self.scheme = address.partition(":")[0]
        with self._reaching():
            self._files = _filesystem(self.scheme)
            self._root = str(self._files._strip_protocol(address)).rstrip("/")

    def list(self, below: str = "") -> dict[str, Stamp]:
        """List all objects by name; an object of the very address has an empty name."""
        root = f"{self._root}/{below}" if below else self._root
        with self._reaching():
            try:
                infos = self._files.find(root, detail=True)
            except FileNotFoundError:
                infos = {}
            return {
                name.removeprefix(self._root).lstrip("/"): Stamp(int(info["size"]), _tag(info))
                for name, info in sorted(infos.items())
                if info["type"] == "file" and not name.endswith("/")
            }

    def read(self, name: str) -> bytes | None:
        """Read a small object; None if there is none of that name."""
        with self._reaching(name):
            try:
                return bytes(self._files.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def fetch(self, name: str, path: Path) -> bool:
        """Copy an object to a file, piece by piece; False if there is none of that name."""
        with self._reaching(name):
            try:
                self._files.get_file(self._path(name), str(path))
            except FileNotFoundError:
                return False
        return True

    def write(self, name: str, content: bytes) -> None:
        """Write a small object."""
        with self._reaching(name, writes=True):
            self._files.pipe_file(self._path(name), content, **_OVERWRITING.get(self.scheme, {}))

    def send(self, name: str, path: Path) -> None:
        """Copy a file to an object, which appears whole or not at all."""
        if path.stat().st_size < _LARGE:
            self.write(name, path.read_bytes())
            return
        with self._reaching(name, writes=True):
            self._files.put_file(str(path), self._path(name), **_OVERWRITING.get(self.scheme, {}))

    def create(self, name: str, content: bytes) -> bool:
        """Write an object if there is none of that name, which the store decides; False if there is one."""
        with self._reaching(name, writes=True):
            try:
                self._files.pipe_file(self._path(name), content, **_IF_NEW[self.scheme])
            except Exception as error:
                if _names(error) & {*_REFUSED}:
                    return False
                if _names(error) & {*_UNKNOWN}:
                    raise self.unguarded(f"answers {_first_line(error)!r} to") from error
                raise
        return True

    def unguarded(self, what: str) -> StorageError:
        """Say that nothing keeps two writers apart at a store."""
        return StorageError(
            self.address,
            f"lies in a store that {what} a write that is to be done only if there is no such object (If-None-Match), "
            "so nothing would keep two writers apart there; write to a folder and copy that, or take a store that "
            "knows such writes (S3, Google, Azure, MinIO)",
        )

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects; those that are gone already are no matter."""
        for name in names:
            with self._reaching(name):
                try:
                    self._files.rm_file(self._path(name))
                except FileNotFoundError:
                    continue

    def at(self, name: str) -> str:
        """Give the address of an object."""
        return f"{self.address}/{name}" if name else self.address

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    @contextmanager
    def _reaching(self, name: str = "", *, writes: bool = False) -> Iterator[None]:
        """Turn what libraries say of a store into an error that names the object."""
        try:
            yield
        except HardnegError:
            raise
        except FileNotFoundError as error:
            if not writes:
                raise
            raise StorageError(self.at(name), "cannot be written: there is no such bucket; make it first") from error
        except ImportError as error:
            package, extra, _ = SCHEMES[self.scheme]
            raise MissingExtraError(package, extra=extra, purpose=f"{self.scheme}://") from error
        except PermissionError as error:
            raise StorageError(
                self.at(name), f"may not be used ({_first_line(error)}); look at the rights of your credentials"
            ) from error
        except MemoryError:
            raise
        except Exception as error:
            raise StorageError(
                self.at(name),
                f"cannot be reached ({type(error).__name__}: {_first_line(error)}); is the bucket there, are "
                "credentials set, and the address of the server if it is not the usual one (AWS_ENDPOINT_URL)?",
            ) from error


def _filesystem(scheme: str) -> Any:  # noqa: ANN401 - of a package that may not be there
    import fsspec

    return fsspec.filesystem(scheme, use_listings_cache=False)


def _names(error: Exception) -> set[str]:
    """Name an error: its type, and what a store called it."""
    response = getattr(error.__cause__ or error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return {type(error).__name__, str(code)}


def _tag(info: dict[str, Any]) -> str:
    """Take what changes with the content: a hash of it if the store gives one, else the time of writing."""
    for key in (
        "ETag",
        "etag",
        "md5Hash",
        "generation",
        "LastModified",
        "last_modified",
        "updated",
        "created",
        "mtime",
    ):
        if info.get(key):
            return str(info[key]).strip('"')
    return ""


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:300]
