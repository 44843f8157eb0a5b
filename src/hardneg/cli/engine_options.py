"""The options that say where work is done, the same on every command that is cut into blocks."""

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

T = TypeVar("T")

_PANEL = "More than one machine"


def _option(name: str, kind: Any, help: str, **more: Any) -> inspect.Parameter:  # noqa: ANN401 - the type of an option
    annotation = Annotated[kind, typer.Option(f"--{name}", help=help, rich_help_panel=_PANEL, **more)]
    return inspect.Parameter(
        name.replace("-", "_"),
        inspect.Parameter.KEYWORD_ONLY,
        default=False if kind is bool else None,
        annotation=annotation,
    )


_OPTIONS = (
    _option("engine", str | None, "Who does the blocks: ray; this process if not given.", metavar="ray"),
    _option("address", str | None, "The Ray cluster: auto, HOST:6379; one on this machine if not given."),
    _option("workers", int | None, "Processes that work; as many as there is room for if not given.", min=1),
    _option("cpus", float | None, "Processors of a worker, which are its threads too; 1 if not given."),
    _option("gpus", float | None, "Accelerators of a worker, each of which encodes on its own; none if not given."),
    _option("grows", bool, "The cluster starts machines when workers need them: ask for all --workers at once."),
    _option(
        "shard-gb", float | None, "Vectors that a worker holds at most; more are searched in shards. 8 if not given."
    ),
)
_SETTINGS = [each.name for each in _OPTIONS[1:]]  # of Ray too


def scales(*, keep: bool = True) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Give a command `--engine` and what belongs to it, and run it with its blocks done there.

    Workers are kept from one work to the next, unless the command does much in between (`keep`).
    """

    def decorate(command: Callable[..., T]) -> Callable[..., T]:
        signature = inspect.signature(command)

        @functools.wraps(command)
        def described(*args: Any, **values: Any) -> T:  # noqa: ANN401 - whatever the command takes
            from hardneg.engines import working_on

            name, *given = (values.pop(each.name, None) for each in _OPTIONS)
            more = {
                key: value
                for key, value in zip(_SETTINGS, given, strict=True)
                if value is not None and value is not False
            }
            with working_on(_engine(name, more), keep=keep):
                return command(*args, **values)

        hints = typing.get_type_hints(command, include_extras=True) | {each.name: each.annotation for each in _OPTIONS}
        described.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *_OPTIONS])  # type: ignore[attr-defined]
        described.__annotations__ = hints
        del described.__wrapped__
        return described

    return decorate


def _engine(name: str | None, given: dict[str, Any]) -> Any:  # noqa: ANN401 - an engine, or None
    from hardneg.engines import Ray
    from hardneg.errors import RecipeError

    if name is None:
        if given:
            *others, last = (f"--{key.replace('_', '-')}" for key in _SETTINGS)
            raise RecipeError(f"{', '.join(others)} and {last} belong to an engine: add --engine ray")
        return None
    if name != "ray":
        raise RecipeError(f"--engine {name}: there is only ray; leave it out to work in this process")
    return Ray(**given)
