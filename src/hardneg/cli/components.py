"""Components and settings written on the command line: `dense(model="…", max_tokens=128)`, `epochs=2`."""

import ast
from typing import Any

from hardneg.components import parse_component
from hardneg.errors import RecipeError

__all__ = ["parse_component", "parse_settings", "parse_watch"]

_TRUTH = {"true": True, "false": False}  # as a recipe spells them


def parse_settings(texts: list[str]) -> dict[str, Any]:
    """Turn `key=value` texts into a table; a value that is neither a Python literal nor true or false is taken as text.

    >>> parse_settings(["epochs=2", "schedule=cosine"])
    {'epochs': 2, 'schedule': 'cosine'}
    """
    settings: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise RecipeError(f"{text!r}: write a setting as key=value, for instance epochs=2")
        try:
            settings[key] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            settings[key] = _TRUTH.get(value, value)
    return settings


def parse_watch(text: str | None) -> dict[str, Any]:
    """Turn a split, with options or without, into the training setting `watch`; nothing if none is given.

    >>> parse_watch("dev(every=0.5)")
    {'watch': {'split': 'dev', 'every': 0.5}}
    """
    if text is None:
        return {}
    table = parse_component(text)
    return {"watch": {"split": table.pop("use"), **table}}
