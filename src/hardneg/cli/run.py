"""`hardneg run`: every stage of a recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hardneg.cli.consent import consent
from hardneg.cli.display import progress, warn_if_nothing_mined
from hardneg.cli.engine_options import scales
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.model_options import AllowCode, TrustRemoteCode
from hardneg.cli.options import Json, Preset, Quiet, Watch, Yes, from_here, given, print_json
from hardneg.cli.run_display import show_run

if TYPE_CHECKING:
    from hardneg.pipeline.run import Prepared


@scales(keep=False)
@reads_dataset
def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A TOML file, or a recipe that hardneg ships.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Run folder; runs/NAME if not given.")] = None,
    preset: Preset = None,
    dataset: Annotated[str | None, typer.Option(help="Use this dataset in place of the recipe's.")] = None,
    model: Annotated[str | None, typer.Option(help="Use this model in place of the recipe's.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Use this seed in place of the recipe's.")] = None,
    watch: Watch = None,
    trust_remote_code: TrustRemoteCode = False,
    allow_code: AllowCode = False,  # noqa: ARG001 - its callback does it all
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Mine, train and measure as a recipe says; a run that was interrupted goes on where it stopped."""
    from hardneg import Recipe
    from hardneg import run as run_recipe
    from hardneg.cli.components import parse_watch
    from hardneg.costs.encoding_bills import bills_of_recipe

    changes: dict[str, Any] = given(seed=seed, preset=preset, train=parse_watch(watch) or None)
    changes |= {key: from_here(name) for key, name in (("dataset", dataset), ("model", model)) if name is not None}
    if layout.said:
        changes["dataset"] = {**({"path": changes["dataset"]} if dataset is not None else {}), **layout.said}
    loaded = Recipe.load(recipe, changes=changes)
    with progress(quiet=quiet or json) as pause:

        def agree(ready: "Prepared") -> None:
            for mined, work in ready.mined_from:
                for bills in bills_of_recipe(mined, work):
                    consent(bills, yes=yes, pause=pause)

        result = run_recipe(
            loaded,
            out=out or Path("runs") / loaded.name,
            trust_remote_code=trust_remote_code,
            agree=agree,
        )
    if json:
        print_json(result.as_dict())
    else:
        show_run(result)
    if "funnel" in result.manifest:
        warn_if_nothing_mined(result.manifest["funnel"])
