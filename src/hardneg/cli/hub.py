"""`hardneg push` and `hardneg pull`: a Hub."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from hardneg.cli.display import progress
from hardneg.cli.options import Json, Quiet, from_here, print_json, shown_place

Revision = Annotated[str | None, typer.Option(metavar="BRANCH", help="Branch or commit; the main branch if not given.")]


def push(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a mining, a run, a fit, or a model.")],
    repo: Annotated[str, typer.Argument(metavar="REPO", help="OWNER/NAME on the Hub.")],
    *,
    license_id: Annotated[
        str | None,
        typer.Option("--license", metavar="ID", help="License of the texts, as the Hub has it; `unknown` says so."),
    ] = None,
    what: Annotated[
        Literal["negatives", "model"] | None, typer.Option(help="Which of the two, where the folder holds both.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="What was mined, where the run does not say it.")] = None,
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public; private otherwise.")] = False,
    revision: Revision = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the card and send nothing.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Put mined negatives or a model on a Hub, with a card that is made from their own files."""
    from dataclasses import asdict

    from hardneg.data.reading import read_dataset
    from hardneg.verbs.hub.push import push as give

    with progress(quiet=quiet or json):
        done = give(
            run,
            repo,
            license_id=license_id,
            what=what,
            private=not public,
            revision=revision,
            dataset=None if dataset is None else read_dataset(from_here(dataset)),
            dry_run=dry_run,
        )
    if json:
        print_json(asdict(done))
        return
    if dry_run:
        typer.echo(done.card)
    for name, n_bytes in done.files.items():
        typer.echo(f"{n_bytes / 1e6:>10,.3f} MB  {name}")
    typer.echo("nothing was sent" if done.url is None else f"{done.what}: {done.url}")


def pull(
    repo: Annotated[str, typer.Argument(metavar="REPO", help="OWNER/NAME on the Hub.")],
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write to.")],
    what: Annotated[
        Literal["negatives", "model"], typer.Option(help="Whether it is a dataset of negatives or a model.")
    ] = "negatives",
    revision: Revision = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Take mined negatives or a model from a Hub: data alone, which is a stranger's from then on."""
    from dataclasses import asdict

    from hardneg.verbs.hub.pull import pull as take

    with progress(quiet=quiet or json):
        done = take(repo, out, what=what, revision=revision)
    if json:
        print_json(asdict(done))
        return
    typer.echo(f"{shown_place(out)}: {len(done.files):,} files of {repo} at {done.commit[:12]}")
    for name in done.left_out:
        typer.echo(f"hardneg: left there: {name} is neither data nor text", err=True)
    first = (
        f"hardneg train DATASET --negatives {shown_place(out)}"
        if what == "negatives"
        else f"hardneg evaluate DATASET --model {shown_place(out)}"
    )
    typer.echo(f"Next: `{first}`")
