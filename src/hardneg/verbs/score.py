"""Scores of a teacher for what was mined: which pairs, what they cost, where they lie."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hardneg.arguments import check_places
from hardneg.costs.bills import estimate_cost
from hardneg.costs.encoding_bills import encoding_bills
from hardneg.data.dataset import Dataset
from hardneg.endpoints.bill import Agree
from hardneg.engines import Engine, working_on
from hardneg.errors import RecipeError
from hardneg.pipeline.joined import Joined, Negatives, join
from hardneg.pipeline.scores import Scored, check_names, pairs_to_score, score_pairs, scores_file
from hardneg.recipe.rooms import TEACHER_FALLBACKS
from hardneg.runs.lock import writing, writing_file
from hardneg.runs.parts import read_parts
from hardneg.runs.record import recording
from hardneg.scoring import Scorer
from hardneg.verbs.audit import named_scorer


def score(
    dataset: Dataset | None,
    negatives: Negatives,
    scorer: Scorer | str | Mapping[str, Any] | Sequence[Scorer | str | Mapping[str, Any]],
    *,
    split: str | None = None,
    candidates: bool = False,
    out: Path | str | None = None,
    allow_other_data: bool = False,
    agree: Agree | None = None,
    engine: Engine | None = None,
) -> tuple[Scored, ...]:
    """Score positives and mined negatives with teachers, for training that learns from their scores.

    Cross-encoders that are named give raw outputs unless told otherwise: distillation compares margins, which a
    sigmoid would squash. Every score is kept as it is made, so the same call goes on where it was stopped.

    Args:
        dataset: What was mined; None takes what the run, or what `hardneg.mine` returned, says of it.
        negatives: What `hardneg.mine` returned, a run folder, a Parquet file of negatives, or a table of them.
        scorer: A teacher, or several: `"cross_encoder(model='…')"`, `"cross_fitted(path='…')"`.
        split: Score the positives of this split; that which was mined if the negatives say it, else "train".
        candidates: Whether to score every candidate of a run, dropped ones too.
        out: Parquet file to write; None writes `scores/NAME.parquet` of the run.
        allow_other_data: Whether labels may differ from those that were mined with.
        agree: Called with what LLM judges will cost before any is asked; raise in it to stop. None asks nobody.
        engine: Who scores: `Ray(address="auto")` of `hardneg.engines`, 4,096 pairs at a time by each worker, all
            into one store; an LLM judge is asked as many things at a time as without one. None scores here.

    Returns:
        Of each teacher, where its scores are and what they are like; `hardneg.train` takes them by `read_scores`.

    Raises:
        DatasetError: The split does not exist or has no positive.
        RecipeError: Two teachers share a name, or nothing says where the scores go.
        RunError: There is nothing to score, or the file holds scores of another scorer.
    """
    check_places("score", out=out)
    run = Path(negatives) if isinstance(negatives, Path | str) else getattr(negatives, "folder", None)
    scorers = read_teachers(scorer, run=run, out=out)
    joined = join("score", dataset, negatives, split=split, allow_other_data=allow_other_data)
    with working_on(engine):
        return score_joined(joined, scorers, candidates=candidates, out=out, agree=agree)


def score_joined(
    joined: Joined,
    scorers: Sequence[Scorer],
    *,
    candidates: bool = False,
    out: Path | str | None = None,
    agree: Agree | None = None,
) -> tuple[Scored, ...]:
    """Score what was joined with its dataset."""
    dataset, mined, run = joined.dataset, joined.negatives, joined.run
    files = _files(scorers, run, None if out is None else Path(out))
    if candidates:
        if run is None:
            raise RecipeError("score: candidates lie in the folder of a run; name that, or mine with out=…")
        mined = read_parts(run / "candidates", dataset)
    pairs = pairs_to_score(dataset, mined, split=joined.split)
    if agree is not None:
        agree(encoding_bills(dataset, tuple(scorers)))
        agree([bill for each in scorers for bill in estimate_cost(each, dataset, pairs)])
    place, file = (run, None) if out is None else (None, Path(out))
    with recording(place, "score"), writing(place), writing_file(file):
        return tuple(score_pairs(dataset, pairs, each, out=file) for each, file in zip(scorers, files, strict=True))


def read_teachers(
    scorer: Scorer | str | Mapping[str, Any] | Sequence[Scorer | str | Mapping[str, Any]],
    *,
    run: Path | None = None,
    out: Path | str | None = None,
) -> list[Scorer]:
    """Take teachers as they are given, and make sure that their scores have somewhere to go."""
    several = scorer if isinstance(scorer, Sequence) and not isinstance(scorer, str) else [scorer]
    scorers = [one for each in several if (one := named_scorer(each, fallbacks=TEACHER_FALLBACKS)) is not None]
    _files(scorers, run, None if out is None else Path(out))
    return scorers


def _files(scorers: Sequence[Scorer], run: Path | None, out: Path | None) -> list[Path]:
    """Say where each scorer's scores go, or why they can go nowhere."""
    check_names(scorers)
    if out is None:
        if run is None or run.is_file():
            raise RecipeError(f"score: {run or 'this'} is no run folder to put scores into; name a file with -o")
        return [scores_file(run, scorer) for scorer in scorers]
    if len(scorers) > 1:
        raise RecipeError("score: -o names one file, but there are several scorers; leave it out, or score one by one")
    if out.suffix != ".parquet":
        raise RecipeError(f"score: -o is {out}; name a file that ends in .parquet")
    return [out]
