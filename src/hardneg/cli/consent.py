"""What judges and embedding APIs will cost: shown before anything is sent, and asked about if somebody can answer."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import typer

from hardneg.cli.display import Pause, progress
from hardneg.errors import Interrupted, RecipeError

if TYPE_CHECKING:
    from hardneg.endpoints.bill import Bill


@contextmanager
def asking(*, yes: bool, quiet: bool) -> "Iterator[Callable[[Sequence[Bill]], None]]":
    """Show progress inside the block; its value shows bills, and goes on only if they were agreed to."""
    with progress(quiet=quiet) as pause:
        yield partial(consent, yes=yes, pause=pause)


def consent(bills: "Sequence[Bill]", *, yes: bool, pause: Pause) -> None:
    """Show what servers will be asked, and go on only if that was agreed to."""
    agreed = yes or not any(each.n_asked for each in bills)
    shown = "\n".join(f"hardneg: {each}" for each in bills)
    if not agreed and not (sys.stdin.isatty() and sys.stderr.isatty()):
        prices = "; ".join(map(str, bills))
        raise RecipeError(f"{prices}. Nothing was sent: add --yes to go on without being asked")
    if bills:
        with pause():
            typer.echo(shown, err=True)
            if not agreed and not _confirmed():
                raise Interrupted("nothing was sent")


def _confirmed() -> bool:
    typer.echo("hardneg: go on? [y/N] ", nl=False, err=True)  # click's own question writes on stdout too
    return sys.stdin.readline().strip().lower() in ("y", "yes")
