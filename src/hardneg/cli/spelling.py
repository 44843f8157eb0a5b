"""Messages in the spelling of the command line: an option is `--skip-invalid` there, `skip_invalid` in Python."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

# What stands before a name that belongs to a component, a recipe or a filter, and not to the command.
_OF_OTHERS = r"(?<![\w.'\"\-])"


def as_typed(message: str, program: Any, arguments: Sequence[str]) -> str:  # noqa: ANN401 - click's types vary with typer's
    """Write the options of a command that a message names as they are typed.

    Names without an underscore are words of the language too, and are left alone; so are keys of other things
    ("select: per_query", "the filter's max_queries").
    """
    command, path = _command(program, arguments)
    for parameter in command.params:
        typed = next((option for option in parameter.opts if option.startswith("--")), None)
        name = parameter.name or ""
        if typed is None or "_" not in name:
            continue
        value = r"(?: ?= ?[Tt]rue)?" if getattr(parameter, "is_flag", False) else r"(?: ?= ?(?=[\w.\"]))?"
        pattern = re.compile(rf"{_OF_OTHERS}(?<!filter's ){name}\b(?!\.){value}")
        message = pattern.sub(partial(_replaced, typed=typed, path=path), message)
    return message


def _replaced(found: re.Match[str], *, typed: str, path: Sequence[str]) -> str:
    """Give the option in place of what was found, unless it is a key of something with a name."""
    owner = re.search(r"(\w+): (?:[\w ]+ and )?$", found.string[: found.start()])
    if owner is not None and owner[1] not in path:
        return found[0]
    return typed + (" " if "=" in found[0] and not found[0].lower().endswith("true") else "")


def _command(program: Any, arguments: Sequence[str]) -> tuple[Any, list[str]]:  # noqa: ANN401
    """Find the command that was typed, and the names that lead to it."""
    command, path = program, list[str]()
    for word in arguments:
        inner = getattr(command, "commands", {}).get(word)
        if inner is not None:
            command, path = inner, [*path, word]
    return command, path
