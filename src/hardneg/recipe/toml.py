"""Tables as TOML text; Python's own `tomllib` only reads."""

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from hardneg.errors import RecipeError


def toml_text(document: Mapping[str, Any]) -> str:
    """Write a document whose values are plain, tables, or arrays of tables.

    Deeper tables are written inline.

    >>> print(toml_text({"seed": 1, "mine": {"split": "train"}, "sources": [{"use": "bm25"}]}), end="")
    seed = 1
    <BLANKLINE>
    [mine]
    split = "train"
    <BLANKLINE>
    [[sources]]
    use = "bm25"
    """
    plain = {key: value for key, value in document.items() if not _is_table(value) and not _is_array(value)}
    parts = [_pairs(plain)] if plain else []
    for key, value in document.items():
        if _is_table(value):
            parts.append(f"[{_key(key)}]\n{_pairs(value)}")
        elif _is_array(value):
            parts += [f"[[{_key(key)}]]\n{_pairs(table)}" for table in value]
    return "\n".join(parts)


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_array(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(map(_is_table, value))


def _pairs(table: Mapping[str, Any]) -> str:
    return "".join(f"{_key(key)} = {toml_value(value)}\n" for key, value in table.items())


def toml_value(value: object) -> str:
    """Write one value; tables come out inline."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str() | PurePath():
            return _string(str(value))
        case list() | tuple():
            return f"[{', '.join(map(toml_value, value))}]"
        case Mapping():
            return "{ " + ", ".join(f"{_key(key)} = {toml_value(inner)}" for key, inner in value.items()) + " }"
    raise RecipeError(f"{value!r} cannot be written into a recipe; use a component that TOML can describe")


def _key(key: str) -> str:
    bare = key.replace("_", "").replace("-", "")
    return key if bare.isascii() and bare.isalnum() else _string(key)


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
