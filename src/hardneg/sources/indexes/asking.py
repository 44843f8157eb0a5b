"""Asking a server: where it is, with which key, and again if it was busy."""

import os
import re
import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from hardneg.errors import HardnegError, RecipeError, StorageError
from hardneg.hiding import hide, note_secret

T = TypeVar("T")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_ENVIRONMENT = "env:"
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 15.0


class Passing(Exception):  # noqa: N818 - it is a state, not an error
    """Something that may pass: a server that is busy, or cannot be reached."""

    def __init__(self, reason: str, *, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def patiently(call: Callable[[], T], *, patience_s: float, title: str, way_out: str) -> T:
    """Call until nothing `Passing` is raised; when so many seconds went by, give up with one message."""
    begun, wait_s = time.monotonic(), _FIRST_WAIT_S
    while True:
        try:
            return call()
        except Passing as failure:
            wait = max(wait_s, failure.wait_s or 0.0)
            passed = time.monotonic() - begun
            if passed + wait > patience_s:
                reason = " ".join(str(failure).split())[:300]
                raise StorageError(title, f"does not answer ({reason}), tried for {passed:.0f} s; {way_out}") from None
            time.sleep(wait)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)


def check_address(url: str, *, kind: str, schemes: tuple[str, ...]) -> None:
    """Make sure that a setting is an address, or names a variable that holds one, and is no secret itself."""
    if url.startswith(_OF_ENVIRONMENT):
        _check_variable(url.removeprefix(_OF_ENVIRONMENT), kind=kind, field="url")
        return
    try:
        parts = urlsplit(url)
        secret = parts.password is not None or hide(f"?{parts.query}") != f"?{parts.query}"
    except ValueError:
        parts, secret = None, False
    if secret:
        raise RecipeError(
            f"{kind}: url holds a password or key, and recipes and manifests are written down; put the whole address "
            f'into an environment variable and name that: url = "{_OF_ENVIRONMENT}NAME"'
        )
    if parts is None or parts.scheme not in schemes:
        named = " or ".join(f"{scheme}://…" for scheme in schemes)
        raise RecipeError(f"{kind}: url is {url!r}; set it to an address, {named}, or env:NAME for a variable with one")


def check_key_variable(variable: str, *, kind: str) -> None:
    """Make sure that a setting names a variable, and is not the key itself."""
    if variable:
        _check_variable(variable, kind=kind, field="api_key_env")


def _check_variable(name: str, *, kind: str, field: str) -> None:
    if not _VARIABLE.fullmatch(name):
        raise RecipeError(
            f"{kind}: {field} must name an environment variable of letters, digits and _, never hold the secret itself"
        )


def address_in(url: str, *, kind: str) -> str:
    """Give the address that a setting means, its password kept in mind as a secret."""
    if not url.startswith(_OF_ENVIRONMENT):
        return url
    name = url.removeprefix(_OF_ENVIRONMENT)
    address = os.environ.get(name, "").strip()
    if not address:
        raise RecipeError(
            f"{kind}: the environment variable {name}, which url names, is not set; set it to the address"
        )
    try:
        password = urlsplit(address).password or ""
    except ValueError as error:
        raise RecipeError(f"{kind}: what stands in the environment variable {name} is no address") from error
    note_secret(password)
    note_secret(unquote(password))
    return address


def key_in(variable: str) -> str | None:
    """Read a key from a variable; None if it holds none."""
    key = os.environ.get(variable, "").strip() if variable else ""
    note_secret(key)
    return key or None


def shown_address(address: str) -> str:
    """Write an address without user, password and query."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")


def one_line(error: object) -> str:
    """Give the message of a library's error as one line that holds no secret."""
    return hide(" ".join(str(error).split())[:300]) or type(error).__name__


def is_ours(error: BaseException) -> bool:
    """Say whether an error was raised on purpose, so that it goes on as it is."""
    return isinstance(error, HardnegError | Passing)
