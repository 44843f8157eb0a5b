"""What share of mined negatives are answers, where the labels can say it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hardneg.audits.planted import audit_planted
from hardneg.data.dataset import Dataset
from hardneg.ladders.rungs import Rung
from hardneg.recipe import plan_of
from hardneg.verbs.audit import fitting

_LEAST, _MOST = 50, 300  # queries with several answers that an audit needs, and that it asks at most


def planted(dataset: Dataset, rungs: Sequence[Rung], *, split: str, seed: int) -> dict[str, Any] | None:
    """Hide answers, mine as the first rung that mines, and count what comes back; None where none can be hidden."""
    query, _ = dataset.pairs_of(split)
    several = int((np.unique(query, return_counts=True)[1] > 1).sum())
    stage = next((rung.recipe.stages[0] for rung in rungs if rung.recipe.stages[0].sources), None)
    if stage is None or several < _LEAST:
        return None
    with fitting() as fit:
        audit = audit_planted(dataset, plan_of(stage, seed=seed), seeds=(seed,), fit=fit, max_queries=_MOST)
    return audit.as_dict()


def told_planted(audit: Mapping[str, Any]) -> str:
    """Say in a line what an audit found."""
    one = audit["figures"]["contamination"]
    share = f"{one['value']:.1%} [{one['low']:.1%}, {one['high']:.1%}]"
    return f"at least {share} of the negatives are answers, by hiding half of those of {audit['queries']:,} queries"
