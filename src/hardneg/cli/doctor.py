"""`hardneg doctor` and `hardneg cache`: this machine, this installation, and what is kept on it."""

from typing import TYPE_CHECKING, Annotated

import typer

from hardneg.cli.options import Json, print_json
from hardneg.cli.ways_out import Commands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hardneg.verbs.caches import Kept

cache_app = typer.Typer(
    cls=Commands, help="Look at what hardneg keeps, and let go of what is old.", no_args_is_help=True
)


def doctor(json: Json = False) -> None:
    """Say what this machine and this installation can do, and what is in the way."""
    from hardneg.verbs.doctor import look_around

    looks = look_around()
    if json:
        print_json({each.name: {"value": each.value, "advice": each.advice} for each in looks})
        return
    for each in looks:
        typer.echo(f"{each.name:<12} {each.value}")
        if each.advice:
            typer.echo(f"{'':<12} → {each.advice}")


@cache_app.command("ls")
def list_entries(json: Json = False) -> None:
    """List what is kept: its kind, size, and the days since it was used."""
    from hardneg.verbs.caches import list_cache

    entries = list_cache()
    if json:
        print_json(_table(entries))
    else:
        _show(entries)


@cache_app.command()
def prune(
    older_than: Annotated[float, typer.Option(min=0, metavar="DAYS", help="Not used for so many days.")] = 30.0,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="vectors, indexes, models, filters, calibration, scores or verdicts; all but verdicts if not given."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    json: Json = False,
) -> None:
    """Delete what was not used for long; whatever needs it later makes it again."""
    from hardneg.verbs.caches import old_entries, remove

    entries = old_entries(days=older_than, kinds=kind or ())
    if not json:
        _show(entries)
    if entries and not yes and not typer.confirm(f"delete these {len(entries):,}?", err=True):
        raise typer.Exit(3)
    remove(entries)
    if json:
        print_json({"removed": _table(entries)})


def _table(entries: "Sequence[Kept]") -> list[dict[str, object]]:
    return [{"kind": each.kind, "path": str(each.path), "bytes": each.n_bytes, "days": each.days} for each in entries]


def _show(entries: "Sequence[Kept]") -> None:
    for each in entries:
        typer.echo(f"{each.n_bytes / 1e6:>10,.1f} MB  {each.days:>6.1f} days  {each.kind:<12} {each.path}")
    typer.echo(f"{sum(each.n_bytes for each in entries) / 1e6:>10,.1f} MB in {len(entries):,} entries")
