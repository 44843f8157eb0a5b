"""Teachers that their own evaluation calls worse than what they shall judge."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hardneg.data.findings import Finding
from hardneg.scoring.protocol import Evaluated

_MEASURE = "nDCG@10"
# A loss that is no chance, or one that is large whatever chance says.
_MUCH = 0.05


def weak_teachers(judges: Iterable[object]) -> list[Finding]:
    """Look up how well teachers re-ranked held-out queries, where `hardneg teacher train` measured it."""
    scorers = [getattr(each, "scorer", each) for each in judges]
    files = dict.fromkeys(each.evaluation for each in scorers if isinstance(each, Evaluated))
    findings = (weak_teacher(file.parent, _read(file)) for file in files)
    return [each for each in findings if each is not None]


def weak_teacher(place: Path, evaluation: dict[str, Any] | None) -> Finding | None:
    """HN041: the teacher's order is worse than the first stage's."""
    gain = (evaluation or {}).get("gain", {}).get(_MEASURE)
    if evaluation is None or gain is None or not (gain["high"] < 0 or gain["difference"] <= -_MUCH):
        return None
    before, after = (evaluation[when][_MEASURE]["value"] for when in ("before", "after"))
    return Finding(
        code="HN041",
        severity="warning",
        title="the teacher is worse than the first stage",
        detail=(
            f"on {evaluation['n_queries']:,} held-out queries {evaluation['first_stage']} has {_MEASURE} {before:.4f}, "
            f"and what it found in the order of the teacher {place} has {after:.4f} (difference "
            f"{gain['difference']:+.4f}, 95 % interval [{gain['low']:+.4f}, {gain['high']:+.4f}]). Such a teacher "
            "refuses true negatives and lets answers through"
        ),
        remedy=(
            "train it longer, on more queries or from a cross-encoder that ranks already, or filter without it: a "
            "margin on the first stage's own scores (positive_margin) is the better judge then"
        ),
        count=evaluation["n_queries"],
    )


def _read(file: Path) -> Any:  # noqa: ANN401
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
