"""Components written on the command line: `bm25`, `dense(model="…", max_tokens=128)`."""

import ast
from typing import Any

from hardneg.errors import RecipeError


def parse_component(text: str) -> dict[str, Any]:
    """Turn a component's text into the table that a recipe would hold.

    Args:
        text: A name, or a name with options in brackets, written as Python literals.

    Raises:
        RecipeError: The text is neither.

    Example:
        >>> parse_component("positive_margin(ratio=0.9)")
        {'use': 'positive_margin', 'ratio': 0.9}
    """
    name, bracket, _ = text.partition("(")
    if not bracket:
        return {"use": text}
    try:
        call = ast.parse(f"_({text.removeprefix(name + '(')}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError
        options = {option.arg: ast.literal_eval(option.value) for option in call.keywords if option.arg}
    except (SyntaxError, ValueError):
        raise RecipeError(f"{text!r}: write a name, or a name with options: {name}(option=value, …)") from None
    return {"use": name, **options}


def parse_settings(texts: list[str]) -> dict[str, Any]:
    """Turn `key=value` texts into a table; a value that is no Python literal is taken as text.

    Raises:
        RecipeError: A text has no `=`.

    Example:
        >>> parse_settings(["epochs=2", "schedule=cosine"])
        {'epochs': 2, 'schedule': 'cosine'}
    """
    settings: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise RecipeError(f"{text!r}: write a setting as key=value, for instance epochs=2")
        try:
            settings[key] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            settings[key] = value
    return settings
