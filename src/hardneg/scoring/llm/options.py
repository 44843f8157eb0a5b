"""Options of an LLM judge, checked before anything is sent."""

import re
from urllib.parse import urlsplit

from hardneg.errors import RecipeError

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_address(base_url: str, api_key_env: str) -> None:
    """Make sure that neither option holds a secret, since both are written into recipes and reports."""
    if api_key_env and not _VARIABLE.fullmatch(api_key_env):
        raise RecipeError(
            "llm_judge: api_key_env must be the name of an environment variable, never the key itself; "
            'put the key into the environment, or set api_key_env = "" for a server that wants none'
        )
    parts = urlsplit(base_url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise RecipeError(
            "llm_judge: base_url must hold no user, password or query, since it is written into reports; "
            "put the key into the environment variable that api_key_env names"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RecipeError(f"llm_judge: base_url is {base_url!r}; set it to an address like http://localhost:8000/v1")


def check_at_least(least: float, **given: float | None) -> None:
    """Refuse the first option that is set and below the least that makes sense."""
    for name, value in given.items():
        if value is not None and not value >= least:
            raise RecipeError(f"llm_judge: {name} is {value}; set it to {least:g} or more")
