"""`hardneg score`: what a teacher thinks of the positives and of what was mined."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hardneg.cli.consent import consent
from hardneg.cli.display import progress, show_findings
from hardneg.cli.joined import AllowOtherData, mined_for
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import DatasetPath, Json, Quiet, SkipInvalid, Yes
from hardneg.cli.recipe_options import read_scorer

if TYPE_CHECKING:
    from hardneg.pipeline.scores import Scored
    from hardneg.scoring import Scorer


@reads_dataset
def score(
    dataset: DatasetPath,
    negatives: Annotated[Path, typer.Option(help="Folder of `hardneg mine`, or a Parquet file.")],
    scorer: Annotated[
        list[str],
        typer.Option(help="A teacher: 'cross_encoder(model=\"…\")', 'cross_fitted(path=\"…\")'. Repeat for more."),
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Parquet file to write; scores/NAME.parquet of the run if not given."),
    ] = None,
    split: Annotated[str, typer.Option(help="Score the positives of this split.")] = "train",
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
    from hardneg.costs.bills import estimate_cost
    from hardneg.data.reading import read_dataset
    from hardneg.pipeline.scores import pairs_to_score, score_pairs
    from hardneg.recipe.rooms import TEACHER_FALLBACKS
    from hardneg.runs.found import read_found, with_found
    from hardneg.runs.parts import read_parts
    from hardneg.runs.record import recording
    from hardneg.scoring.weak_teachers import weak_teachers

    scorers = [read_scorer(text, fallbacks=TEACHER_FALLBACKS) for text in scorer]
    files = _files(scorers, negatives, out)
    data = read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid)
    mined, _ = mined_for(data, negatives, allow_other_data=allow_other_data, quiet=json or quiet)
    if candidates:
        mined = read_parts(negatives / "candidates", data)
    if negatives.is_dir():
        data = with_found(data, read_found(negatives, data), split=split)
    pairs = pairs_to_score(data, mined, split=split)
    with progress(quiet=quiet or json) as pause:
        consent([one for each in scorers for one in estimate_cost(each, data, pairs)], yes=yes, pause=pause)
        with recording(negatives if out is None else None, "score"):
            found = [score_pairs(data, pairs, each, out=file) for each, file in zip(scorers, files, strict=True)]
    if json:
        from dataclasses import asdict
        from json import dumps

        typer.echo(dumps({"teachers": [asdict(one) for one in found]}, default=str))
    else:
        for one in found:
            _show(one)
        show_findings(weak_teachers(scorers))


def _files(scorers: "list[Scorer]", negatives: Path, out: Path | None) -> list[Path]:
    """Say where each scorer's scores go, or why they can go nowhere."""
    from hardneg.errors import RecipeError
    from hardneg.pipeline.scores import check_names, scores_file

    check_names(scorers)
    if out is None:
        if negatives.is_file():
            raise RecipeError(f"score: {negatives} is no run folder to put scores into; name a file with -o")
        return [scores_file(negatives, scorer) for scorer in scorers]
    if len(scorers) > 1:
        raise RecipeError("score: -o names one file, but there are several scorers; leave it out, or score one by one")
    if out.suffix != ".parquet":
        raise RecipeError(f"score: -o is {out}; name a file that ends in .parquet")
    return [out]


def _show(scored: "Scored") -> None:
    kind = "squashed between 0 and 1" if scored.squashed else "raw"
    others = scored.pairs - scored.positives
    means = (
        f"mean {scored.positive_mean:.3f} and {scored.other_mean:.3f}" if others and scored.positives else "one kind"
    )
    typer.echo(
        f"{scored.teacher} scored {scored.positives:,} positives and {others:,} other pairs in {scored.seconds:,.0f} s "
        f"({means}; the scores are {kind}): {scored.path}"
    )
