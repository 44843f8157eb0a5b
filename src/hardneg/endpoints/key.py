"""The API key: read from the environment, sent in one header, shown nowhere; and no option may hold it."""

import os
import re
from urllib.parse import urlsplit

from pydantic import SecretStr

from hardneg.errors import ModelError, RecipeError
from hardneg.hiding import hide_value, note_secret

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class ApiKey:
    """A key that no representation shows."""

    def __init__(self, value: SecretStr | None) -> None:
        self._value = value

    def header(self) -> dict[str, str]:
        """Give the header that carries the key; empty without one."""
        return {} if self._value is None else {"Authorization": f"Bearer {self._value.get_secret_value()}"}

    def hide(self, text: str) -> str:
        """Take the key out of a text that came from a server, in any form that texts are escaped in."""
        return text if self._value is None else hide_value(text, self._value.get_secret_value())


def read_key(variable: str) -> ApiKey:
    """Read the key from an environment variable."""
    value = os.environ.get(variable, "").strip() if variable else ""
    if not value:
        return ApiKey(None)
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise ModelError(
            f"the key in ${variable} has characters that no key has; set it again, without quotes or breaks"
        )
    note_secret(value)
    return ApiKey(SecretStr(value))


def check_address(base_url: str, api_key_env: str, *, kind: str) -> None:
    """Make sure that neither option of a `kind` holds a secret, since both are written into recipes and reports."""
    if api_key_env and not _VARIABLE.fullmatch(api_key_env):
        raise RecipeError(
            f"{kind}: api_key_env must be the name of an environment variable, never the key itself; "
            'put the key into the environment, or set api_key_env = "" for a server that wants none'
        )
    parts = urlsplit(base_url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise RecipeError(
            f"{kind}: base_url must hold no user, password or query, since it is written into reports; "
            "put the key into the environment variable that api_key_env names"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RecipeError(f"{kind}: base_url is {base_url!r}; set it to an address like http://localhost:8000/v1")
