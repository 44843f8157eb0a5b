"""The command that helps where another was meant: of a misspelt name, and of a run in the place of a dataset."""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from hardneg.errors import DatasetError, InputError
from hardneg.runs import layout

_Misused: Any = typer.BadParameter.__bases__[0]  # click's UsageError, wherever typer has it from


class Commands(TyperGroup):
    """A group that knows the commands of the groups in it, and lists its own where none is called nearly so."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - click's types vary with typer's
        """Find a command, or say which was meant."""
        try:
            return super().resolve_command(ctx, args)
        except _Misused as error:
            error.message = self._meant(args[0], error.message)
            raise

    def _meant(self, word: str, message: str) -> str:
        inner = [path for path in _paths(self) if path.split()[-1] == word]
        if inner:
            return f"No such command {word!r}. Did you mean {inner[0]!r}?"
        if difflib.get_close_matches(word, self.commands):
            return message  # which names it
        return f"No such command {word!r}. There are: {', '.join(self.commands)}."


def _paths(group: Any, before: str = "") -> Iterator[str]:  # noqa: ANN401
    for name, command in getattr(group, "commands", {}).items():
        yield f"{before}{name}"
        yield from _paths(command, f"{before}{name} ")


def with_way_out(error: InputError) -> str:
    """Add to a message what to name where the folder of a run was named as a dataset."""
    place = error.path if isinstance(error, DatasetError) else None
    if place is None or not any((Path(place) / name).exists() for name in (layout.MINING, layout.MANIFEST)):
        return str(error)
    from hardneg.runs.origin import dataset_of

    try:
        mined = f"; name the dataset that it mined: {dataset_of(Path(place))['path']}"
    except InputError:
        mined = "; name the dataset that it mined"
    return f"{place} is the folder of a run, and no dataset{mined}"
