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
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


_OPTIONS = (
    _option("engine", str | None, "Who does the blocks: ray; this process if not given.", metavar="ray"),
    _option("address", str | None, "The Ray cluster: auto, HOST:6379; one on this machine if not given."),
    _option("workers", int | None, "Processes that work; as many as there is room for if not given.", min=1),
)


def scales(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command `--engine` and what belongs to it, and run it with its blocks done there."""
    signature = inspect.signature(command)

    @functools.wraps(command)
    def described(*args: Any, **values: Any) -> T:  # noqa: ANN401 - whatever the command takes
        from hardneg.engines import working_on

        engine, address, workers = (values.pop(each.name, None) for each in _OPTIONS)
        with working_on(_engine(engine, address, workers)):
            return command(*args, **values)

    hints = typing.get_type_hints(command, include_extras=True) | {each.name: each.annotation for each in _OPTIONS}
    described.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *_OPTIONS])  # type: ignore[attr-defined]
    described.__annotations__ = hints
    del described.__wrapped__
    return described


def _engine(name: str | None, address: str | None, workers: int | None) -> Any:  # noqa: ANN401 - an engine, or None
    from hardneg.engines import Ray
    from hardneg.errors import RecipeError

    if name is None:
        if address is not None or workers is not None:
            raise RecipeError("--address and --workers belong to an engine: add --engine ray")
        return None
    if name != "ray":
        raise RecipeError(f"--engine {name}: there is only ray; leave it out to work in this process")
    return Ray(address=address, workers=workers)
