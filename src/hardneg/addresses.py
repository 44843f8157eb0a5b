"""Addresses of object storage, told from paths: `s3://BUCKET/NAME`, `gs://`, `az://`, and `memory://` to try it out."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hardneg.errors import RecipeError

# What each scheme is called by fsspec, the package and the extra that it needs, and what copies a folder from there.
SCHEMES = {
    "s3": ("s3fs", "s3", "aws s3 sync {} FOLDER"),
    "gs": ("gcsfs", "gs", "gcloud storage rsync -r {} FOLDER"),
    "az": ("adlfs", "az", "azcopy sync {} FOLDER"),
    "memory": ("fsspec", "s3", "hardneg.storage.bring({!r})"),
}
_ALIASES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfs": "az", "abfss": "az"}
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):(?P<slashes>/{1,3})(?P<rest>.*)", re.DOTALL)

STANDING = "HARDNEG_STANDING"  # of the environment: processes that are started from here know these folders too


@contextmanager
def standing_for(folder: Path, address: str) -> Iterator[None]:
    """Show a folder inside the block as the address at which it is published, and read that address there."""
    before = os.environ.get(STANDING)
    both = {str(folder): address, str(folder.resolve()): address}
    os.environ[STANDING] = json.dumps(dict(_standing()) | both)
    try:
        yield
    finally:
        if before is None:
            del os.environ[STANDING]
        else:
            os.environ[STANDING] = before


def _standing() -> list[tuple[str, str]]:
    """List the folders whose content is published at an address, or was brought from one."""
    table: dict[str, str] = json.loads(os.environ.get(STANDING, "{}"))
    return list(table.items())


def shown_place(path: Path | str) -> str:
    """Write a path as people know it: by its address if it lies in a folder that is being published."""
    for folder, address in _standing():
        if Path(path).is_relative_to(folder):
            return f"{address}/{Path(path).relative_to(folder).as_posix()}".removesuffix("/.")
    return str(path)


def standing_place(address: str) -> Path | None:
    """Give the path of this machine for an address in a folder that stands for one; None if no folder does."""
    for folder, whole in _standing():
        if address == whole or address.startswith(f"{whole}/"):
            return Path(folder + address.removeprefix(whole))
    return None


def shown_places(text: str) -> str:
    """Write each such path in a text so."""
    for folder, address in _standing():
        text = text.replace(folder, address)
    return text


def address_of(name: object) -> str | None:
    """Give the address that a name is, in its usual spelling; None if it is none.

    A `Path` of an address has lost a slash, and is one all the same: no folder is ever called "s3:".

    >>> address_of("s3://bucket/run/"), address_of(Path("s3://bucket/run")), address_of("runs/mine")
    ('s3://bucket/run', 's3://bucket/run', None)
    """
    match = _ADDRESS.fullmatch(str(name))
    if match is None:
        return None
    scheme = match["scheme"].lower()
    scheme = _ALIASES.get(scheme, scheme)
    if scheme not in SCHEMES:
        return None
    place = match["rest"].strip("/")
    bucket = place.partition("/")[0]
    if not bucket:
        raise RecipeError(f"{scheme}:// names no bucket; write {scheme}://BUCKET/NAME")
    if "@" in bucket or ":" in bucket:
        raise RecipeError(
            f"an address of {scheme}:// has a user or a key in it, which would stand in logs; take them out, and "
            "give them as the store's own tools take them (for S3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a "
            "profile)"
        )
    return f"{scheme}://{place}"


def is_foreign(name: object) -> bool:
    """Say whether a name has a scheme that is no storage of hardneg's: `http://…`, `hdfs://…`, `file://…`."""
    match = _ADDRESS.fullmatch(str(name))
    return match is not None and match["slashes"] != "/" and address_of(name) is None


def is_endpoint(name: object) -> bool:
    """Say whether a name is that of something behind an endpoint: `https://HOST/v1#NAME`.

    >>> is_endpoint("https://api.openai.com/v1#text-embedding-3-small"), is_endpoint("https://host/data")
    (True, False)
    """
    return isinstance(name, str) and name.startswith(("http://", "https://")) and "#" in name


def way_to_copy(address: str) -> str:
    """Name the command that copies a folder from an address."""
    return SCHEMES[address.partition(":")[0]][2].format(address)


def refuse_address(name: object, *, purpose: str) -> None:
    """Refuse an address where there has to be a file or folder of this machine."""
    if (address := address_of(name)) is not None:
        raise RecipeError(
            f"{purpose}: {address} is an address, and this reads and writes files of this machine alone; copy it to a "
            f"folder first ({way_to_copy(address)}), or write to a folder and copy that"
        )
    if is_foreign(name):
        raise RecipeError(f"{purpose}: {name} is an address that hardneg cannot use; name a file or folder")
