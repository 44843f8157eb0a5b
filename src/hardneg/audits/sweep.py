"""The settings of filters that are commonly compared."""

from collections.abc import Sequence
from dataclasses import replace

from hardneg.audits.planted import hardness_score
from hardneg.components import settable_fields
from hardneg.filters import Filter, PositiveMargin, RankWindow, ScoreRange
from hardneg.filters.protocol import Scoring
from hardneg.filters.teacher_threshold import TeacherThreshold
from hardneg.negatives.plan import Plan
from hardneg.scoring.protocol import Scorer
from hardneg.sources.protocol import Encodes

_FIRST_RANKS = (11, 31)
_RATIOS = (0.80, 0.85, 0.90, 0.95, 0.98, 0.99)
_DISTANCES = (0.01, 0.02, 0.05, 0.1, 0.2)
_HIGHEST = (0.5, 0.6, 0.7, 0.8)
_TEACHER_RATIOS = (0.5, 0.8, 0.95)
_TEACHER_BOUNDS = (0.1, 0.5, 0.9)


def sweep(plan: Plan, *, score: str | None = None, further: Sequence[Filter] = ()) -> dict[str, Plan]:
    """Make variants of a plan: no filter, the plan's own filters, and common settings of each filter.

    Distances and fixed bounds are in units of a cosine, so they are tried with a dense source's score alone. Each of
    `further` is a variant of its own.

    References:
        Naive top-k, shifted by N, TopK-Abs, TopK-MarginPos and TopK-PercPos in Moreira et al. (2024),
        arXiv:2407.15831.
    """
    name = hardness_score(plan, score)
    is_cosine = any(isinstance(source, Encodes) and source.name == name for source in plan.sources)
    tried: dict[str, tuple[Filter, ...]] = {"none": ()}
    for source in plan.sources if score is None else [each for each in plan.sources if each.name == name]:
        for low in _FIRST_RANKS:
            tried[f"rank_window.{source.name} low={low}"] = (RankWindow(source.name, low=low),)
    for ratio in _RATIOS:
        tried[f"positive_margin.ratio ratio={ratio:g}"] = (PositiveMargin(ratio=ratio, score=name),)
    if is_cosine:
        for distance in _DISTANCES:
            margin = PositiveMargin(absolute=distance, score=name)
            tried[f"positive_margin.absolute absolute={distance:g}"] = (margin,)
        for high in _HIGHEST:
            tried[f"score_range high={high:g}"] = (ScoreRange(score=name, high=high),)
    for each in further:
        tried[f"{_kind(each)} {_setting(each)}"] = (each,)
    variants = {key: replace(plan, filters=filters) for key, filters in tried.items()}
    return {"recipe": plan, **variants} if plan.filters else variants


def teacher_thresholds(scorer: Scorer) -> tuple[TeacherThreshold, ...]:
    """List common settings of a teacher's threshold: shares of the weakest positive's score, and fixed bounds.

    References:
        The bound of 0.1: Qu et al. (2021), arXiv:2010.08191, section 3.2.
    """
    by_ratio = [TeacherThreshold(scorer, ratio=ratio) for ratio in _TEACHER_RATIOS]
    return (*by_ratio, *(TeacherThreshold(scorer, above=bound) for bound in _TEACHER_BOUNDS))


def _kind(filter_: Filter) -> str:
    """Name a filter, and for one that asks a teacher what is set beside it."""
    return ".".join([filter_.name, *_set_beside_teacher(filter_)])


def _setting(filter_: Filter) -> str:
    """Say how a filter is set: what its repr has in brackets."""
    bounds = ", ".join(f"{name}={value}" for name, value in _set_beside_teacher(filter_).items())
    return bounds or repr(filter_).partition("(")[2].removesuffix(")")


def _set_beside_teacher(filter_: Filter) -> dict[str, object]:
    if not isinstance(filter_, Scoring):
        return {}
    settable = {name: (getattr(filter_, name), each.default) for name, each in settable_fields(type(filter_)).items()}
    return {name: value for name, (value, default) in settable.items() if name != "scorer" and value != default}
