"""Options of commands that load a model, spelled once."""

from pathlib import Path
from typing import Annotated

import typer

from hardneg.models.formats import Precision

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


def check_folder(out: Path | None) -> None:
    """Refuse an output that is a file, or lies inside one, before anything is done.

    Args:
        out: The folder to write to; None for none.

    Raises:
        InputError: There is a file where the folder should be.
    """
    from hardneg.errors import InputError

    for place in () if out is None else (out, *out.parents):
        if place.is_file():
            raise InputError(f"-o {out}: {place} is a file, but the result is a folder; name another place")
