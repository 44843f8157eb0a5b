"""All findings of a run in one list, and those that only the whole of it shows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hardneg.data.findings import SEVERITIES, Finding
from hardneg.evaluation.significance import Comparison
from hardneg.reports.contents import Contents
from hardneg.reports.figures_of_quality import compared, plain

_FEW = 0.9  # the share of queries with their number below which HN002 speaks, as for the learned filter


@dataclass(frozen=True)
class PlacedFinding:
    """A finding, and where it was made."""

    finding: Finding  # of several like it, the first
    places: tuple[tuple[str, Finding], ...]  # a stage or a training, empty for the whole run, with what was seen there


def all_findings(contents: Contents) -> list[PlacedFinding]:
    """Collect what filters, trainings and the comparison of the rows show, errors first, then by code."""
    groups: dict[tuple[int, str, str], list[tuple[str, Finding]]] = {}
    for where, one in (*_of_mining(contents), *_of_training(contents), *_of_rows(compared(contents.rows), contents)):
        groups.setdefault((SEVERITIES.index(one.severity), one.code, one.title), []).append((where, one))
    return [
        PlacedFinding(places[0][1], tuple(places)) for _, places in sorted(groups.items(), key=lambda item: item[0])
    ]


def _of_mining(contents: Contents) -> Iterator[tuple[str, Finding]]:
    for mined in contents.mined:
        where = f"mining {mined.stage}".strip()
        fitted = {finding.code for finding in mined.findings}
        yield from ((where, finding) for finding in mined.findings)
        short, queries = mined.funnel["short_queries"], mined.funnel["queries"]
        if short > (1 - _FEW) * queries and "HN002" not in fitted:
            yield where, _too_few(short, queries, mined.per_query)


def _of_training(contents: Contents) -> Iterator[tuple[str, Finding]]:
    for trained in contents.trained:
        yield from ((f"training {trained.model}", finding) for finding in trained.findings)


def _of_rows(comparisons: Mapping[str, Comparison], contents: Contents) -> Iterator[tuple[str, Finding]]:
    for name in ("zero_shot", "in_batch"):
        one = comparisons.get(name)
        if one is not None and one.high < 0:
            yield "", _worse(contents.rows[-1].name, name, one)


def _too_few(short: int, queries: int, per_query: int) -> Finding:
    return Finding(
        code="HN002",
        severity="warning",
        title="too few negatives",
        detail=f"{short:,} of {queries:,} queries got fewer than {per_query} negatives",
        remedy="mine deeper, add a source, loosen a filter, or ask for fewer negatives a query",
        count=short,
    )


def _worse(last: str, other: str, one: Comparison) -> Finding:
    cause = (
        "training as a whole cost quality: usually too high a learning rate, labels that contradict each other, or "
        "answers among the negatives"
        if other == "zero_shot"
        else "the same training without mined negatives does better: usually many of them are answers nobody labelled"
    )
    return Finding(
        code="HN006",
        severity="warning",
        title=f"{plain(last)} is worse than {plain(other)}",
        detail=(
            f"{one.difference:+.4f} {one.metric} over {one.n:,} queries, 95 % interval [{one.low:+.4f}, "
            f"{one.high:+.4f}]; {cause}"
        ),
        remedy=(
            f"use {plain(other)} for now; count the answers with `hardneg audit`, let `hardneg calibrate` choose a "
            "filter, or lower the learning rate"
        ),
        count=one.losses,
    )
