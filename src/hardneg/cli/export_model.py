"""`hardneg export --form onnx`: a trained model for serving."""

from pathlib import Path

import typer

from hardneg.cli.options import print_json, shown_place

OF_MODELS = ("onnx", "onnx-int8")


def export_of_model(names: list[str], out: Path, form: str, *, json: bool) -> None:
    """Write the model of a run as ONNX, and say how far its vectors are from those of the run."""
    from dataclasses import asdict

    from hardneg.errors import RecipeError
    from hardneg.verbs.export_model import export_model

    if len(names) > 1:
        raise RecipeError(f"export: --form {form} wants the run that trained the model alone, not {len(names)} names")
    made = export_model(names[0], out, precision="int8" if form.endswith("int8") else "fp32")
    if json:
        print_json({**asdict(made), "folder": shown_place(out)})
        return
    whose = "its training recorded" if made.compared_with == "recorded" else "the model gives"
    typer.echo(
        f"{made.file}, {made.n_bytes / 1e6:,.1f} MB in {made.precision}, written to {shown_place(out)}; its vectors "
        f"are off by at most {made.off:.1g} from those that {whose} ({made.tolerance:g} is let pass)"
    )
