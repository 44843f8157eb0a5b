"""Options of commands that load a model, spelled once."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Annotated, Any, TypeVar

import typer

from hardneg.models.formats import Precision

Component = TypeVar("Component")

QueryPrompt = Annotated[
    str | None,
    typer.Option(help="Text before each query; the model's own, as encode_query takes it, if not given; '' for none."),
]
DocumentPrompt = Annotated[
    str | None, typer.Option(help="Text before each document; the model's own if not given; '' for none.")
]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run the code that a model brings with it; read it first.")
]
Numbers = Annotated[
    Precision,
    typer.Option(
        "--precision", help="Encode in bf16 or fp32; auto takes bf16 where the processor has it, which moves scores."
    ),
]
TruncateDim = Annotated[
    int | None,
    typer.Option(min=1, help="Keep this many dimensions of each vector, as Matryoshka training allows."),
]


def trusting(components: Sequence[Component]) -> tuple[Component, ...]:
    """Let the models of components, and of what they hold, run code of their own.

    Args:
        components: Sources or filters.

    Returns:
        The same with `trust_remote_code` where there is such an option.
    """
    return tuple(_trusting(each) for each in components)


def _trusting(component: Any) -> Any:  # noqa: ANN401 - components of every room
    if not is_dataclass(component) or isinstance(component, type):
        return component
    names = [each.name for each in fields(component) if each.init]
    held = {name: _trusting(getattr(component, name)) for name in names if is_dataclass(getattr(component, name))}
    return replace(component, **held, **({"trust_remote_code": True} if "trust_remote_code" in names else {}))
