"""`hardneg mine`: negatives for the queries of a split."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hardneg.cli.consent import consent
from hardneg.cli.display import progress, show_findings, show_reading, warn_if_nothing_mined
from hardneg.cli.engine_options import scales
from hardneg.cli.model_options import TrustRemoteCode
from hardneg.cli.options import Json, Out, Quiet, Yes, from_here, print_json, said_of, shown_place
from hardneg.cli.recipe_options import MiningOptions, says_mining


@scales()
@says_mining()
def mine(
    out: Out,
    verdicts: Annotated[
        Path | None,
        typer.Option(
            help="Take verdicts for labels: a .csv or .jsonl file, or a run folder that was reviewed; the recipe's "
            "if not given."
        ),
    ] = None,
    trust_remote_code: TrustRemoteCode = False,
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    mining: MiningOptions,
) -> None:
    """Mine hard negatives and keep labelled and likely answers out of them."""
    from hardneg.audits.verdicts import read_judged
    from hardneg.costs.encoding_bills import bills_of_mining
    from hardneg.pipeline.job import noticed, prepare_mining

    address = {"path": from_here(mining.dataset), **said_of(mining.layout, mining.skip_invalid)}
    with progress(quiet=quiet or json) as pause:
        job = prepare_mining(mining.recipe, address, trusts=trust_remote_code, out=out)
        place = verdicts or mining.recipe.mine.verdicts
        job = job if place is None else job.with_verdicts(read_judged(place, job.dataset))
        for bills in bills_of_mining(job.labelled, job.plan):
            consent(bills, yes=yes, pause=pause)
        mined = job.mine()
    seen = noticed(mined, out)
    if json:
        from dataclasses import asdict

        more = {
            "found_positives": mined.found.height,
            "learned": [_finite(fit) for fit in seen.fits],
            "findings": [asdict(each) for each in seen.findings],
        }
        readings = {name: each["reading"] for name, each in seen.readings.items()}
        more |= {"readings": readings} if readings else {}
        more |= {} if mined.verdicts is None else {"verdicts": mined.verdicts.as_dict()}
        print_json({"folder": shown_place(out), **mined.funnel, **more})
    else:
        _show(mined.funnel, shown_place(out))
        if mined.verdicts is not None:
            typer.echo(str(mined.verdicts))
        _show_found(mined.found.height, seen.fits, seen.found)
        for name, kept in () if quiet else seen.readings.items():
            show_reading(name, kept["reading"])
        show_findings(seen.findings)
    warn_if_nothing_mined(mined.funnel)


def _finite(fit: dict[str, Any]) -> dict[str, Any]:
    """Write a threshold that refuses nothing as null: JSON has no infinity."""
    return {key: None if value == float("inf") else value for key, value in fit.items()}


def _show_found(n_found: int, fits: list[dict[str, Any]], place: Path) -> None:
    for fit in fits:
        typer.echo(
            f"Learned filter: tells {fit['retrieved']:,} hidden answers from the rest with an AUC of {fit['auc']:.3f}; "
            f"{fit['leakage']:.2%} of all hidden answers slip through, {fit['naive_leakage']:.2%} would without it; "
            f"{fit['coverage']:.1%} of the queries get their number."
            + (" It cannot tell here, and a margin judges in its place." if fit.get("judge") == "margin" else "")
        )
    if n_found:
        typer.echo(
            f"{n_found:,} candidates were found to be answers. {shown_place(place)} says by whom, and "
            "`hardneg train --negatives` takes them for positives."
        )


def _show(funnel: dict[str, Any], out: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"From candidates to negatives, {funnel['queries']:,} queries", title_justify="left")
    reasons = list(funnel["dropped"])
    for column in ("source", "candidates", *reasons, "eligible", "selected"):
        table.add_column(column, justify="left" if column == "source" else "right")
    for name, counts in [*funnel["sources"].items(), ("all", funnel)]:
        dropped = [f"{counts.get('dropped', {}).get(reason, 0):,}" for reason in reasons]
        cells = [f"{counts.get('candidates', 0):,}", *dropped, f"{counts.get('eligible', 0):,}"]
        table.add_row(name, *cells, f"{counts['selected']:,}")
    console = Console()
    console.print(table)
    console.print(
        f"{funnel['short_queries']:,} queries have fewer negatives than asked for, {funnel['empty_queries']:,} none."
    )
    console.print(f"Negatives are in {out}/negatives, every candidate and what became of it in {out}/candidates.")
