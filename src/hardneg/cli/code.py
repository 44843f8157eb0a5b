"""`hardneg data python` and `hardneg data code`: code-search datasets from source trees."""

from dataclasses import replace
from typing import Annotated

import typer

from hardneg.cli.built import refuse_taken, write_built
from hardneg.cli.display import progress
from hardneg.cli.options import Json, Out, Quiet, Seed, given

Name = Annotated[str | None, typer.Option("--name", help="Name of the dataset; by default that of OUT.")]
TestShare = Annotated[
    float, typer.Option("--test-share", min=0, max=1, help="Share of the functions kept for testing.")
]
DevShare = Annotated[
    float, typer.Option("--dev-share", min=0, max=1, help="Share of the functions kept for development.")
]
MaxDocuments = Annotated[
    int | None, typer.Option("--max-documents", min=1, help="Stop after the file that reaches it.")
]
Undocumented = Annotated[
    bool, typer.Option("--undocumented", help="Keep functions without documentation as documents.")
]


def python(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Folders, .py files, installed packages, or `stdlib`."),
    ],
    *,
    out: Out,
    name: Name = None,
    test_share: TestShare = 0.3,
    dev_share: DevShare = 0.1,
    max_documents: MaxDocuments = None,
    undocumented: Undocumented = False,
    seed: Seed = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build a code-search dataset from Python source: docstring → function, split by file."""
    from hardneg.recipe.settings import FromPython

    refuse_taken(out)
    settings = FromPython(
        python=tuple(paths),
        split_seed=seed or 0,
        test_share=test_share,
        dev_share=dev_share,
        undocumented=undocumented,
        max_documents=max_documents,
    )
    with progress(quiet=quiet):
        data = settings.read()
    write_built(replace(data, name=name or out.name), out, as_json=as_json)


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
    name: Name = None,
    test_share: TestShare = 0.3,
    dev_share: DevShare = 0.1,
    max_documents: MaxDocuments = None,
    undocumented: Undocumented = False,
    seed: Seed = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build a code-search dataset from source trees: docstring or leading comment → definition, split by file."""
    from hardneg.domains.code.source import code_source

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
