"""`hardneg review`: a page on which to judge mined negatives."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hardneg.cli.joined import AllowOtherData
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import Json, Seed, SkipInvalid, given, print_json, shown_place

if TYPE_CHECKING:
    from hardneg.review.figures import Figures


@reads_dataset
def review(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of `hardneg mine` or `hardneg run`.")],
    dataset: Annotated[
        str | None, typer.Option(help="The dataset that was mined; what the run says if not given.")
    ] = None,
    reviewer: Annotated[str | None, typer.Option(help="Your name; that of your account if not given.")] = None,
    order: Annotated[
        str | None,
        typer.Option(help="p_positive, teacher, disagreement or score; the first that is known if not given."),
    ] = None,
    suspects: Annotated[int | None, typer.Option(min=0, help="Likeliest answers to judge; 1000 if not given.")] = None,
    sample: Annotated[
        int | None, typer.Option(min=0, help="Negatives to draw at random among them; 400 if not given.")
    ] = None,
    overlap: Annotated[
        float | None, typer.Option(help="Share of the pairs that every reviewer judges; 0.2 if not given.")
    ] = None,
    verdicts: Annotated[
        Path | None, typer.Option(help="Leave out what was judged before: a file of verdicts, or a reviewed run.")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="Write the verdicts so far to a .csv or .jsonl file, and open no page.")
    ] = None,
    database: Annotated[
        Path | None, typer.Option(help="Where verdicts are kept; review/verdicts.sqlite of the run if not given.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a free port.")] = 0,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    seed: Seed = None,
    allow_other_data: AllowOtherData = False,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    *,
    layout: Layout,
) -> None:
    """Judge suspected false negatives on a page that only this machine can open."""
    from hardneg.audits.verdicts import export_verdicts
    from hardneg.review.serving import serve
    from hardneg.review.session import reviewing

    with reviewing(
        run,
        dataset=dataset,
        mapping=layout.said,
        skip_invalid=skip_invalid,
        database=database,
        verdicts=verdicts,
        allow_other_data=allow_other_data,
        export=export,
        wanted=given(order=order, suspects=suspects, sample=sample, overlap=overlap, seed=seed),
    ) as session:
        if session.note and not json:
            typer.echo(f"hardneg: {session.note}", err=True)
        if export is not None:
            n_written = export_verdicts(session.store, session.dataset, export)
            _show({"path": str(export), "rows": n_written}, session.figures(), as_json=json)
            return
        place = session.store.path
        serve(session, port=port, announce=lambda url: _announce(url, reviewer, place, browse=open_, as_json=json))
        if not json:
            _show_figures(session.figures())


def _announce(address: str, reviewer: str | None, database: Path, *, browse: bool, as_json: bool) -> None:
    from getpass import getuser
    from urllib.parse import urlencode

    address = f"{address}?{urlencode({'reviewer': reviewer or getuser()})}"
    if as_json:
        print_json({"address": address, "database": str(database)})
    else:
        typer.echo(f"Open {address}")
        place = shown_place(database)
        typer.echo(f"Verdicts are kept in {place}. Ctrl-C ends the review; the same command goes on with it.")
    if browse:
        import webbrowser

        webbrowser.open(address)


def _show(written: dict[str, Any], found: "Figures", *, as_json: bool) -> None:
    if as_json:
        print_json({**written, **found.as_dict()})
    else:
        typer.echo(f"{written['rows']:,} judged pairs written to {shown_place(written['path'])}")
        _show_figures(found)


def _show_figures(found: "Figures") -> None:
    typer.echo(f"{found.judged:,} of {found.pairs:,} pairs are judged; {found.answers:,} are answers.")
    share = found.contamination
    if share.value is not None:
        typer.echo(
            f"Answers among all {found.negatives:,} negatives, from {share.n:,} drawn at random: {share.value:.1%} "
            f"[{share.low:.1%}, {share.high:.1%}], and {found.sample_open:,} undecided."
        )
    if found.suspects.value is not None:
        typer.echo(
            f"Answers among the {found.suspects.n:,} suspects judged: {found.suspects.value:.1%}; they were chosen for "
            "being likely, so this says nothing of the others."
        )
    for each in found.agreement:
        value = "undefined" if each.kappa.value is None else f"{each.kappa.value:.2f}"
        typer.echo(f"{each.first} and {each.second} agree with kappa {value} on {each.kappa.n:,} pairs.")
