"""What the verdicts so far say: progress, two shares that must not be confused, and agreement."""

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import polars as pl

from hardneg.audits.intervals import Interval, kappa, wilson
from hardneg.audits.verdict_store import decided


@dataclass(frozen=True)
class Agreement:
    """How far two reviewers agree on the pairs that both decided."""

    first: str
    second: str
    kappa: Interval


@dataclass(frozen=True)
class Figures:
    """What a review found so far."""

    pairs: int  # to judge in all
    judged: int  # with a verdict, unsure ones too
    answers: int  # by majority
    negatives: int  # from which the pairs were chosen
    contamination: Interval  # of the negatives, by the random sample alone, up to its first pair that nobody judged
    sample_open: int  # pairs among these that are undecided, and so not counted
    suspects: Interval  # of those that are decided; they were chosen for being likely, so it estimates nothing else
    agreement: tuple[Agreement, ...]
    by_reviewer: dict[str, int]

    @property
    def at_least(self) -> float:
        """Share of the negatives that were found to be answers: a bound that needs no statistics, only the judges."""
        return self.answers / self.negatives

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        agreement = [{"reviewers": [each.first, each.second], "kappa": asdict(each.kappa)} for each in self.agreement]
        return asdict(self) | {"at_least": self.at_least, "agreement": agreement}


def figures(pairs: pl.DataFrame, votes: pl.DataFrame, *, negatives: int) -> Figures:
    """Sum up the verdicts that stand."""
    judged = decided(pairs, votes)
    reached = judged.filter("drawn")["answer"]
    suspects = judged.filter(pl.col("suspect").is_not_null())["answer"]
    return Figures(
        pairs=pairs.height,
        judged=judged.filter(pl.col("n_votes") > 0).height,
        answers=int(judged["answer"].sum()),
        negatives=negatives,
        contamination=_share(reached),
        sample_open=reached.null_count(),
        suspects=_share(suspects),
        agreement=_agreement(votes),
        by_reviewer=dict(votes.group_by("reviewer").len().sort("reviewer").iter_rows()),
    )


def _share(answers: pl.Series) -> Interval:
    verdicts = answers.drop_nulls()
    return wilson(int(verdicts.sum()), len(verdicts))


def _agreement(votes: pl.DataFrame) -> tuple[Agreement, ...]:
    sure = votes.filter(pl.col("verdict") != "unsure")
    agreement = []
    for first, second in combinations(sure["reviewer"].unique().sort().to_list(), 2):
        theirs = [sure.filter(pl.col("reviewer") == name).select("pair", "verdict") for name in (first, second)]
        both = theirs[0].join(theirs[1], on="pair", suffix="_second")
        if both.height:
            verdicts = [(both[name] == "answer").to_numpy() for name in ("verdict", "verdict_second")]
            agreement.append(Agreement(first, second, kappa(*verdicts)))
    return tuple(agreement)
