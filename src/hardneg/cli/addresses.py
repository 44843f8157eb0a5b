"""Addresses of object storage in a command: what it reads there is brought, what it writes is published there.

One table says it, by command and parameter; docs/scaling.md has it in words. What it does not name is refused.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import typer

from hardneg.addresses import address_of, is_endpoint, is_foreign, refuse_address, shown_places, standing_for
from hardneg.errors import HardnegError, RecipeError

# What becomes of an address: the library reads it by itself, or it is brought; it is a folder that is published while
# it is written, or a file that is sent when it is whole.
What = Literal["named", "brought", "published", "sent"]

_NAMED = ("dataset", "recipe_or_dataset", "model", "documents", "check_model")
_MINING = ("mine", "calibrate", "audit planted", "audit judged", "audit frontier", "audit sample")
_BUILDING = ("sections", "pairs", "conversations", "python", "code", "interactions", "questions", "split")
_FOLDERS = (*_MINING, "encode", "train", "run", "ladder", "fit", "evaluate", "compare", "teacher train", "pull")
AT: dict[tuple[str, str], What] = {
    **{(command, "out"): "published" for command in (*_FOLDERS, *(f"data {each}" for each in _BUILDING))},
    **dict.fromkeys((("export", "out"), ("report", "out"), ("score", "out")), "sent"),
    **dict.fromkeys((("calibrate", "plot"), ("audit frontier", "plot")), "sent"),
    **dict.fromkeys((("audit sample", "write"), ("review", "export")), "sent"),
    **{(command, "recipe"): "brought" for command in (*_MINING, "run", "ladder", "fit", "train")},
    **dict.fromkeys((("ladder", "rung"), ("fit", "strategy")), "brought"),
    **dict.fromkeys((("verify", "run"), ("status", "run"), ("push", "run"), ("compare", "runs")), "brought"),
    **dict.fromkeys((("train", "negatives"), ("train", "scores"), ("train", "also"), ("export", "names")), "brought"),
    **dict.fromkeys((("teacher train", "negatives"), ("audit sample", "negatives")), "brought"),
    **dict.fromkeys((("audit sample", "read"), ("audit judged", "judged")), "brought"),
    **dict.fromkeys((("mine", "verdicts"), ("review", "verdicts")), "brought"),
    **dict.fromkeys((("data pairs", "file"), ("data interactions", "file"), ("data interactions", "items")), "brought"),
    **{(f"data {command}", "paths"): "brought" for command in ("python", "code", "questions")},
    ("data conversations", "files"): "brought",
    ("estimate", "teacher"): "named",
    ("plan", "teacher"): "named",
}
# Runs that a command writes into, unless the option says where else.
INTO = {
    ("report", "run"): "out",
    ("review", "run"): "export",
    ("score", "dataset"): "out",
    ("score", "negatives"): "out",
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
        places = list(_said(command, words, at))
        options = {parameter.name for _, parameter in places}
        for place, parameter in places:
            option, value = _address_in(words[place])
            if not value:
                continue
            what = what_becomes(name, parameter.name, value, options)
            if what is None or address_of(value) is None:
                refuse_address(value, purpose=_typed(name, parameter))
            elif what != "named":
                words[place] = option + str(_here(what, value, _typed(name, parameter), "--wait" in words, stack))
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


def what_becomes(command: str, parameter: str, value: str, options: set[str]) -> What | None:
    """Say what becomes of an address by what else was said; None if it is refused."""
    there = (command, parameter)
    if there in INTO and not (there == ("score", "dataset") and "negatives" in options):
        return "brought" if INTO[there] in options or value.endswith(".parquet") else "published"
    if parameter == "recipe_or_dataset" and value.endswith(".toml"):
        return "brought"
    return AT.get(there, "named" if parameter in _NAMED else None)


def _command(program: Any, words: Sequence[str]) -> tuple[Any, str, int]:  # noqa: ANN401 - click's types vary with typer's
    """Find the command that was typed, its name, and where what it is given begins."""
    command, path, at = program, list[str](), 0
    while hasattr(command, "commands") and at < len(words):
        if words[at] in command.commands:
            command = command.commands[words[at]]
            path.append(words[at])
        at += 1
    return command, " ".join(path), at


def _here(what: What, value: str, typed: str, waits: bool, stack: ExitStack) -> Path:
    """Give the place of this machine for an address."""
    from hardneg.runs.publishing import published, sending
    from hardneg.storage import bring

    if what == "published":
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise RecipeError(
                f"{typed}: several processes that train one model cannot publish at {value}; start them by --engine "
                "ray, or name a folder, and copy it when it is done"
            )
        return stack.enter_context(published(value, waits=waits))
    if what == "sent":
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
    is_one = bool(value) and not is_endpoint(value) and (address_of(value) is not None or is_foreign(value))
    return option + equals, value if is_one else ""
