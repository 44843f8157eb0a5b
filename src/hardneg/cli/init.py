"""`hardneg init`: a first recipe for a dataset."""

from pathlib import Path
from typing import Annotated

import typer

from hardneg.cli.display import progress
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import DatasetPath, Json, Quiet, SkipInvalid, print_json


@reads_dataset
def init(
    dataset: DatasetPath,
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="The recipe to write.")] = Path("mine.toml"),
    model: Annotated[str | None, typer.Option(help="Model to train: Hub id, folder or package:NAME/FOLDER.")] = None,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    quiet: Quiet = False,
    layout: Layout,
) -> None:
    """Look at a dataset and write a recipe for it, with a comment on each choice; it runs as it is."""
    from hardneg.verbs.first_recipe import first_recipe, seen

    with progress(quiet=quiet or json):
        look = first_recipe(dataset, out, layout=layout, model=model, skip_invalid=skip_invalid)
    if json:
        print_json({"recipe": str(out), "preset": look.preset, "kind": look.kind, "seen": list(seen(look))})
        return
    for line in seen(look):
        typer.echo(line)
    typer.echo(f"{out} is written. Next: `hardneg estimate {out}`, then `hardneg run {out}`")
