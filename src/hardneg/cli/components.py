"""Components written on the command line: `bm25`, `dense(model="…", max_tokens=128)`."""

import ast
from typing import Any

from hardneg.errors import RecipeError

_TRUTH = {"true": True, "false": False}  # as a recipe spells them


def parse_component(text: str) -> dict[str, Any]:
    """Turn a component's text into the table that a recipe would hold.

    Args:
        text: A name, or a name with options in brackets, written as Python literals.

    Returns:
        The name under `use`, and each option under its own name.

    Raises:
        RecipeError: The text is neither.

    Example:
        >>> parse_component("positive_margin(ratio=0.9)")
        {'use': 'positive_margin', 'ratio': 0.9}
    """
    name, bracket, options = text.strip().partition("(")
    try:
        if not name or ")" in name:
            raise ValueError
        return {"use": name} | (_options(options) if bracket else {})
    except (SyntaxError, TypeError, ValueError):
        raise RecipeError(f"{text!r}: write a name, or a name with options: bm25(k1=1.2, b=0.5)") from None


def _options(text: str) -> dict[str, Any]:
    call = ast.parse(f"_({text}", mode="eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
        raise ValueError
    if any(option.arg is None for option in call.keywords):
        raise ValueError
    return {str(option.arg): ast.literal_eval(option.value) for option in call.keywords}


def parse_settings(texts: list[str]) -> dict[str, Any]:
    """Turn `key=value` texts into a table; a value that is neither a Python literal nor true or false is taken as text.

    Args:
        texts: One setting each; where a key is given twice, the last counts.

    Returns:
        Values by key.

    Raises:
        RecipeError: A text has no `=`, or nothing before it.

    Example:
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
