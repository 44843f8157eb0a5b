"""Addresses of object storage in a command: what it reads there is brought, what it writes is published there.

Datasets are read at addresses by the library itself, wherever one is named. What no line below names is refused.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer

from hardneg.addresses import address_of, is_foreign, refuse_address, shown_places, standing_for
from hardneg.errors import HardnegError, RecipeError

_DATASETS = ("dataset", "recipe_or_dataset")
_FOLDERS = {("mine", "out"), ("encode", "out"), ("train", "out")}
_FILES = {("export", "out")}
_READ = {
    *(("train", "negatives"), ("train", "scores"), ("export", "names"), ("score", "negatives")),
    *(("verify", "run"), ("status", "run"), ("compare", "runs")),
}


@contextmanager
def at_addresses(typed: Sequence[str], app: typer.Typer) -> Iterator[list[str]]:
    """Put paths of this machine in the place of addresses, and publish what was written when the command ends."""
    words = list(typed)
    if not any(_address_in(word)[1] for word in words):
        yield words
        return
    command, name, at = _command(typer.main.get_command(app), words)
    ended: SystemExit | None = None
    with ExitStack() as stack:
        for place, parameter in _said(command, words, at):
            option, value = _address_in(words[place])
            if not value:
                continue
            there = (name, parameter.name)
            is_storage = address_of(value) is not None
            if (is_storage and parameter.name not in _DATASETS) or parameter.name == "out":
                words[place] = option + str(_here(there, value, _typed(name, parameter), "--wait" in words, stack))
        try:
            yield words
        except SystemExit as stop:
            if stop.code:
                raise
            ended = stop
        except HardnegError as error:
            error.args = tuple(shown_places(each) if isinstance(each, str) else each for each in error.args)
            raise
    if ended is not None:
        raise ended


def _command(program: Any, words: Sequence[str]) -> tuple[Any, str, int]:  # noqa: ANN401 - click's types vary with typer's
    """Find the command that was typed, its name, and where what it is given begins."""
    command, path, at = program, list[str](), 0
    while hasattr(command, "commands") and at < len(words):
        if words[at] in command.commands:
            command = command.commands[words[at]]
            path.append(words[at])
        at += 1
    return command, " ".join(path), at


def _here(there: tuple[str, str], value: str, typed: str, waits: bool, stack: ExitStack) -> Path:
    """Give the place of this machine for an address, or refuse it."""
    from hardneg.runs.publishing import published, sending
    from hardneg.storage import bring

    if address_of(value) is None or there not in _FOLDERS | _FILES | _READ:
        refuse_address(value, purpose=typed)
    if there in _FOLDERS:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise RecipeError(
                f"{typed}: several processes that train one model cannot publish at {value}; start them by --engine "
                "ray, or name a folder, and copy it when it is done"
            )
        return stack.enter_context(published(value, waits=waits))
    if there in _FILES:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="hardneg-")))
        return stack.enter_context(sending(value, folder))
    place = bring(value)
    stack.enter_context(standing_for(place, str(address_of(value))))
    return place


def _said(command: Any, words: Sequence[str], start: int) -> Iterator[tuple[int, Any]]:  # noqa: ANN401
    """Yield where values stand in a command line, with the option or argument that takes them."""
    options = {name: each for each in command.params for name in (*each.opts, *each.secondary_opts) if name[:1] == "-"}
    arguments = [each for each in command.params if not any(name[:1] == "-" for name in each.opts)]
    at, n_arguments, only_arguments = start, 0, False
    while at < len(words):
        word = words[at]
        option = options.get(word.partition("=")[0])
        if word == "--":
            only_arguments = True
        elif option is not None and not only_arguments:
            if "=" not in word and not option.is_flag:
                at += 1
            if at < len(words):
                yield at, option
        elif arguments:
            yield at, arguments[min(n_arguments, len(arguments) - 1)]
            n_arguments += 1
        at += 1


def _typed(command: str, parameter: Any) -> str:  # noqa: ANN401
    """Name an option as it is typed, or an argument."""
    long = next((name for name in parameter.opts if name.startswith("--")), None)
    return f"hardneg {command}: {long or parameter.name.upper()}"


def _address_in(word: str) -> tuple[str, str]:
    """Split a word into an option with its equals sign, if there is one, and an address; empty if it is none."""
    option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    is_one = bool(value) and (address_of(value) is not None or is_foreign(value))
    return option + equals, value if is_one else ""
