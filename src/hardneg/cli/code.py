"""`hardneg data code` and `hardneg data python`: code-search datasets from source trees."""

import inspect
from typing import Annotated, Any

import typer

from hardneg.cli.built import refuse_taken, write_built
from hardneg.cli.display import progress
from hardneg.cli.layout_options import takes
from hardneg.cli.options import Json, Out, Quiet, Seed, given


def code(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Folders, source files, installed Python packages, or `stdlib`."),
    ],
    *,
    out: Out,
    languages: Annotated[
        list[str] | None, typer.Option("--language", help="Read this language only; may be repeated. All by default.")
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", help="function, method or class; may be repeated. All by default."),
    ] = None,
    mask_names: Annotated[
        bool, typer.Option("--mask-names", help="Mask names in the questions that give the answer away.")
    ] = False,
    label_clones: Annotated[
        bool, typer.Option(help="Label definitions that only their own names tell from an answer as answers too.")
    ] = True,
    name: Annotated[str | None, typer.Option(help="Name of the dataset; by default that of OUT.")] = None,
    test_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the functions kept for testing.")] = 0.3,
    dev_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the functions kept for development.")] = 0.1,
    max_documents: Annotated[int | None, typer.Option(min=1, help="Stop after the file that reaches it.")] = None,
    undocumented: Annotated[
        bool, typer.Option("--undocumented", help="Keep functions without documentation as documents.")
    ] = False,
    seed: Seed = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build a code-search dataset from source trees: docstring or leading comment → definition, split by file."""
    from hardneg.domains.code import code_source

    refuse_taken(out)
    with progress(quiet=quiet):
        data = code_source(
            paths,
            name=name or out.name,
            seed=seed or 0,
            test_share=test_share,
            dev_share=dev_share,
            undocumented=undocumented,
            max_documents=max_documents,
            masks_names=mask_names,
            labels_clones=label_clones,
            **given(languages=languages or None, kinds=kinds or None),
        )
    write_built(data, out, as_json=as_json)


_OF_CODE = ("paths", "languages", "kinds", "mask_names", "label_clones")


@takes("options", [each for name, each in inspect.signature(code).parameters.items() if name not in _OF_CODE], dict)
def python(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Folders, .py files, installed packages, or `stdlib`."),
    ],
    *,
    options: dict[str, Any],
) -> None:
    """Build a code-search dataset from Python source: docstring → function, split by file."""
    code(paths, languages=["python"], kinds=["function", "method"], label_clones=False, **options)
