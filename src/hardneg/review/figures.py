"""What the verdicts so far say: progress, two shares that must not be confused, and agreement."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import polars as pl

from hardneg.audits.agreement import kappa
from hardneg.audits.intervals import Estimate, wilson


@dataclass(frozen=True)
class Agreement:
    """How far two reviewers agree on the pairs that both decided."""

    first: str
    second: str
    kappa: Estimate


@dataclass(frozen=True)
class Figures:
    """What a review found so far."""

    pairs: int
    judged: int
    answers: int
    negatives: int
    contamination: Estimate
    sample_open: int
    suspects: Estimate
    agreement: tuple[Agreement, ...]
    by_reviewer: dict[str, int]

    @property
    def at_least(self) -> float:
        """Share of the negatives that were found to be answers: a bound that needs no statistics, only the judges."""
        return self.answers / self.negatives

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "pairs": self.pairs,
            "judged": self.judged,
            "answers": self.answers,
            "negatives": self.negatives,
            "at_least": self.at_least,
            "contamination": self.contamination.as_dict(),
            "sample_open": self.sample_open,
            "suspects": self.suspects.as_dict(),
            "agreement": [
                {"reviewers": [each.first, each.second], "kappa": each.kappa.as_dict()} for each in self.agreement
            ],
            "by_reviewer": self.by_reviewer,
        }


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


def decided(pairs: pl.DataFrame, votes: pl.DataFrame) -> pl.DataFrame:
    """Count the votes on each pair and decide by majority."""
    said = {"yes": "answer", "no": "not_answer", "unsure": "unsure"}
    counts = votes.group_by("pair").agg(
        **{name: (pl.col("verdict") == verdict).sum().cast(pl.Int64) for name, verdict in said.items()}
    )
    counted = pairs.join(counts, on="pair", how="left", maintain_order="left")
    counted = counted.with_columns(pl.col(*said).fill_null(0))
    majority = pl.when(pl.col("yes") != pl.col("no")).then(pl.col("yes") > pl.col("no"))
    counted = counted.with_columns(n_votes=pl.sum_horizontal(*said), answer=majority)
    waiting = counted.filter(pl.col("draw").is_not_null() & (pl.col("n_votes") == 0))["draw"].min()
    reached = pl.col("draw").is_not_null() if waiting is None else pl.col("draw") < waiting
    return counted.with_columns(drawn=reached.fill_null(value=False))


def _share(answers: pl.Series) -> Estimate:
    known = answers.drop_nulls()
    return wilson(int(known.sum()), len(known))


def _agreement(votes: pl.DataFrame) -> tuple[Agreement, ...]:
    sure = votes.filter(pl.col("verdict") != "unsure")
    found = []
    for first, second in combinations(sure["reviewer"].unique().sort().to_list(), 2):
        theirs = [sure.filter(pl.col("reviewer") == name).select("pair", "verdict") for name in (first, second)]
        both = theirs[0].join(theirs[1], on="pair", suffix="_second")
        if both.height:
            said = [(both[name] == "answer").to_numpy() for name in ("verdict", "verdict_second")]
            found.append(Agreement(first, second, kappa(*said)))
    return tuple(found)
