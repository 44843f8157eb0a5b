"""`hardneg score`: what a teacher thinks of the positives and of what was mined."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hardneg.cli.consent import asking
from hardneg.cli.display import show_findings
from hardneg.cli.engine_options import scales
from hardneg.cli.joined import AllowOtherData, joined_for
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import Json, Quiet, SkipInvalid, Yes, print_json, shown_place

if TYPE_CHECKING:
    from hardneg.pipeline.scores import Scored


@scales()
@reads_dataset
def score(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET|RUN", help="What was mined; or, without --negatives, the run folder, which says of what."
        ),
    ],
    scorer: Annotated[
        list[str],
        typer.Option(help="A teacher: 'cross_encoder(model=\"…\")', 'cross_fitted(path=\"…\")'. Repeat for more."),
    ],
    negatives: Annotated[Path | None, typer.Option(help="Folder of `hardneg mine`, or a Parquet file.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Parquet file to write; scores/NAME.parquet of the run if not given."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Score the positives of this split; that which was mined if not given.")
    ] = None,
    candidates: Annotated[
        bool, typer.Option("--candidates", help="Score every candidate of the run, dropped ones too.")
    ] = False,
    allow_other_data: AllowOtherData = False,
    yes: Yes = False,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Score positives and mined negatives with a teacher, for `hardneg train --scores`.

    Cross-encoders give raw outputs unless told otherwise: distillation compares margins, which a sigmoid would squash.
    Every score is kept as it is made, so the same command goes on where it was stopped.
    """
    from hardneg.runs.origin import read_dataset_of
    from hardneg.verbs.score import read_teachers, score_joined

    run, place = (Path(dataset), None) if negatives is None else (negatives, dataset)
    teachers = read_teachers(scorer, run=run, out=out)
    data = read_dataset_of(run, place, mapping=layout.said, skip_invalid=skip_invalid)
    joined = joined_for(data, run, split=split, allow_other_data=allow_other_data, quiet=json or quiet)
    with asking(yes=yes, quiet=quiet or json) as agree:
        results = score_joined(joined, teachers, candidates=candidates, out=out, agree=agree)
    if json:
        from dataclasses import asdict

        print_json({"teachers": [asdict(one) for one in results]})
    else:
        from hardneg.scoring.cross_fitted import weak_teachers

        for one in results:
            _show(one)
        show_findings(weak_teachers(teachers))


def _show(scored: "Scored") -> None:
    kind = "squashed between 0 and 1" if scored.squashed else "raw"
    others = scored.pairs - scored.positives
    means = (
        f"mean {scored.positive_mean:.3f} and {scored.other_mean:.3f}" if others and scored.positives else "one kind"
    )
    typer.echo(
        f"{scored.teacher} scored {scored.positives:,} positives and {others:,} other pairs in {scored.seconds:,.0f} s "
        f"({means}; the scores are {kind}): {shown_place(scored.path)}"
    )
