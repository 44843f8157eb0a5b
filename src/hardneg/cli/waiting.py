"""`--wait`, the same on every command that writes, and the folder of a dataset for whoever builds it."""

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

T = TypeVar("T")

_WAIT = Annotated[
    bool, typer.Option("--wait", help="Wait where another command writes in the same place, in place of an error.")
]


def waits(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the option to wait for the place that it writes to."""

    @functools.wraps(command)
    def described(*args: Any, wait: bool = False, **values: Any) -> T:  # noqa: ANN401 - whatever the command takes
        from hardneg.runs.lock import waiting

        with waiting(wait):
            return command(*args, **values)

    signature = inspect.signature(command)
    added = inspect.Parameter("wait", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_WAIT)
    hints = typing.get_type_hints(command, include_extras=True) | {"wait": _WAIT}
    described.__signature__ = signature.replace(parameters=[*signature.parameters.values(), added])  # type: ignore[attr-defined]
    described.__annotations__ = hints
    del described.__wrapped__
    return described


def builds(command: Callable[..., T]) -> Callable[..., T]:
    """Have a command that builds a dataset be the only writer of the folder that it writes to, and let others wait."""

    @functools.wraps(command)
    def alone(*args: Any, **values: Any) -> T:  # noqa: ANN401 - whatever the command takes
        from hardneg.cli.built import refuse_taken
        from hardneg.runs.lock import writing

        refuse_taken(values["out"])
        with writing(values["out"]):
            return command(*args, **values)

    return waits(alone)
