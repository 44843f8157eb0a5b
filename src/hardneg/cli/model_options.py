"""Options of commands that load a model, spelled once."""

from typing import Annotated

import typer

from hardneg.leave import allowing
from hardneg.models.options import Backend, EncodingPrecision


def _trusting(context: typer.Context, wanted: bool) -> bool:
    if wanted:
        context.with_resource(allowing(models=True))
    return wanted


def _allowing(context: typer.Context, wanted: bool) -> bool:
    if wanted:
        context.with_resource(allowing(code=True))
    return wanted


QueryPrompt = Annotated[
    str | None,
    typer.Option(help="Text before each query; the model's own, as encode_query takes it, if not given; '' for none."),
]
DocumentPrompt = Annotated[
    str | None, typer.Option(help="Text before each document; the model's own if not given; '' for none.")
]
TrustRemoteCode = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code", help="Run the code that a model brings with it; read it first.", callback=_trusting
    ),
]
AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Run code that a recipe in the folder of a run or a model names (module:Class); read it first. Your own "
        "recipe needs no leave.",
        callback=_allowing,
    ),
]
Numbers = Annotated[
    EncodingPrecision,
    typer.Option(
        "--precision",
        help="Encode in bf16 or fp32, or in int8 with another --backend than torch; auto takes bf16 where the "
        "processor has it, which moves scores.",
    ),
]
Runtime = Annotated[
    Backend,
    typer.Option("--backend", help="What encodes, on the processor but for torch: ONNX Runtime or OpenVINO."),
]
TruncateDim = Annotated[
    int | None,
    typer.Option(min=1, help="Keep this many dimensions of each vector, as Matryoshka training allows."),
]
