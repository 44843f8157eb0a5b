"""`hardneg audit`: how many answers a way of mining hands out as negatives."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hardneg.cli.audit_display import show
from hardneg.cli.consent import asking
from hardneg.cli.engine_options import scales
from hardneg.cli.joined import AllowOtherData, run_for
from hardneg.cli.options import Json, Quiet, ResultsIn, Yes
from hardneg.cli.recipe_options import MiningOptions, says_mining
from hardneg.cli.waiting import waits
from hardneg.cli.ways_out import Commands
from hardneg.errors import RecipeError

_WAY_OF = {
    "--judged": "judged",
    "--truth-column": "judged",
    "--frontier": "frontier",
    "--sample": "sample",
    "--read": "sample",
}
_ONLY = {  # what an option does nothing without, for the way of typing that had all options in one command
    "--plot": ("--frontier", "frontier"),
    "--floor": ("--frontier", "frontier"),
    "--write": ("--sample", "sample"),
    "--negatives": ("--sample", "sample"),
    "--threshold": ("--scorer", "sample"),
    "--scorer": ("--sample or --frontier", "sample", "frontier"),
    "--estimate": ("planting", "planted"),
}

Share = Annotated[float, typer.Option(help="Share of a query's positives that is hidden.")]
AuditSeeds = Annotated[int, typer.Option(min=1, help="Plantings, each with another seed.")]
MaxQueries = Annotated[int | None, typer.Option(min=1, help="Plant in so many queries at most.")]
Group = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Metadata whose values are drawn together in the intervals.")
]
Score = Annotated[str | None, typer.Option(metavar="SOURCE", help="Source whose score says how hard a negative is.")]

audit_app = typer.Typer(
    cls=Commands,
    help="Measure how many answers a way of mining hands out as negatives, before any training.",
    no_args_is_help=True,
)


@audit_app.command()
@waits
@scales()
@says_mining()
def planted(
    share: Share = 0.5,
    audit_seeds: AuditSeeds = 3,
    max_queries: MaxQueries = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Estimate the answers that nobody labelled too.")
    ] = False,
    group: Group = None,
    score: Score = None,
    out: ResultsIn = None,
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    mining: MiningOptions,
) -> None:
    """Hide some labelled positives, mine as usual, and count the hidden answers among the negatives."""
    from hardneg.verbs.audit import audit, check_settings

    check_settings("audit", share=share)
    with asking(yes=yes, quiet=quiet or json) as agree:
        result = audit(
            mining.read(),
            recipe=mining.recipe,
            share=share,
            seeds=audit_seeds,
            max_queries=max_queries,
            estimate=estimate,
            group=group,
            score=score,
            out=out,
            agree=agree,
        )
    show(result, as_json=json, out=out)


@audit_app.command()
@waits
@scales()
@says_mining()
def judged(
    judged: Annotated[
        Path | None, typer.Option(metavar="QRELS", help="A fuller file of qrels that says what an answer is.")
    ] = None,
    truth_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Metadata that is equal for a query and all that answers it.")
    ] = None,
    group: Group = None,
    score: Score = None,
    out: ResultsIn = None,
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    mining: MiningOptions,
) -> None:
    """Count the negatives that are answers by labels that mining did not see."""
    from hardneg.verbs.audit import audit

    if judged is None and truth_column is None:
        raise RecipeError("audit: nothing says what an answer is; give --judged QRELS, or --truth-column COLUMN")
    with asking(yes=yes, quiet=quiet or json) as agree:
        result = audit(
            mining.read(),
            recipe=mining.recipe,
            judged=judged,
            truth_column=truth_column,
            group=group,
            score=score,
            out=out,
            agree=agree,
        )
    show(result, as_json=json, out=out)


@audit_app.command()
@waits
@scales()
@says_mining()
def frontier(
    share: Share = 0.5,
    audit_seeds: AuditSeeds = 3,
    max_queries: MaxQueries = None,
    floor: Annotated[float, typer.Option(help="Least coverage of a setting that is compared.")] = 0.9,
    scorer: Annotated[
        str | None, typer.Option(help="Try thresholds of a teacher too: 'cross_encoder(model=\"…\")'.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the frontier: an .svg or .html file.")] = None,
    group: Group = None,
    score: Score = None,
    out: ResultsIn = None,
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    mining: MiningOptions,
) -> None:
    """Compare common settings of all filters: what each costs and buys."""
    from hardneg.verbs.audit import audit_filters, check_settings

    check_settings("audit", share=share, floor=floor, plot=plot)
    with asking(yes=yes, quiet=quiet or json) as agree:
        result = audit_filters(
            mining.read(),
            recipe=mining.recipe,
            share=share,
            seeds=audit_seeds,
            max_queries=max_queries,
            floor=floor,
            scorer=scorer,
            plot=plot,
            group=group,
            score=score,
            out=out,
            agree=agree,
        )
    show(result, as_json=json, plot=plot, out=out)


@audit_app.command()
@waits
@says_mining()
def sample(
    sample: Annotated[int | None, typer.Option(min=1, help="Draw so many negatives to be judged.")] = None,
    negatives: Annotated[
        Path | None, typer.Option(help="Draw them from a folder of mined negatives instead of mining.")
    ] = None,
    write: Annotated[Path | None, typer.Option(help="Write the sample to fill in: a .csv or .jsonl file.")] = None,
    read: Annotated[Path | None, typer.Option(help="Read a sample that was filled in.")] = None,
    scorer: Annotated[
        str | None, typer.Option(help="Have a model judge the sample: 'cross_encoder(model=\"…\")'.")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Lowest score that the scorer gives an answer.")] = None,
    out: ResultsIn = None,
    allow_other_data: AllowOtherData = False,
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    mining: MiningOptions,
) -> None:
    """Draw some negatives, have them judged, and report the share of answers."""
    from hardneg.verbs.audit import audit_sample, check_settings

    check_settings("audit", write=write)
    with asking(yes=yes, quiet=quiet or json) as agree:
        data = mining.read()
        mined = None
        if negatives is not None:
            mined = run_for(data, negatives, allow_other_data=allow_other_data, quiet=quiet or json)
        result = audit_sample(
            data,
            sample,
            recipe=mining.recipe,
            negatives=mined,
            write=write,
            read=read,
            scorer=scorer,
            threshold=threshold,
            out=out,
            agree=agree,
        )
    show(result, as_json=json, out=out)


def with_way(typed: Sequence[str]) -> list[str]:
    """Give `hardneg audit DATASET …`, as it was typed before there were ways, the way that its options mean."""
    at = 2 if typed[:1] == ["--log"] else int(bool(typed) and typed[0].startswith("--log="))
    words = list(typed[at + 1 :])
    if (
        typed[at : at + 1] != ["audit"]
        or not words
        or words[0] in ("planted", "judged", "frontier", "sample", "--help")
    ):
        return list(typed)
    options = {word.partition("=")[0] for word in words}
    chosen = [option for option in _WAY_OF if option in options]
    if len(chosen) > 1:
        raise RecipeError(f"audit: {' and '.join(chosen)} are different ways to audit; give one of them")
    way = _WAY_OF[chosen[0]] if chosen else "planted"
    for option, (needed, *ways) in _ONLY.items():
        if option in options and way not in ways:
            raise RecipeError(f"audit: {option} needs {needed}; add it, or leave {option} out")
    typer.echo(f"hardneg: `hardneg audit DATASET` is `hardneg audit {way} DATASET` from the next version on", err=True)
    return [*typed[: at + 1], way, *(word for word in words if word != "--frontier")]
