"""What the card of mined negatives says, read from the files that are pushed beside it and held against each other."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.checksums import checked
from hardneg.errors import RunError
from hardneg.files import from_json
from hardneg.runs import layout
from hardneg.runs.parts import scan_parts
from hardneg.runs.state import read_state

TRIPLETS = "triplets.parquet"
NEGATIVES = "negatives"

_PATH = re.compile(r"(?<=['\"])(?:[A-Za-z]:)?[/\\](?:[^'\"]*[/\\])?(?=[^'\"/\\]+['\"])")


@dataclass(frozen=True)
class MinedFacts:
    """All that a card says of mined negatives."""

    mining: Mapping[str, Any]
    funnel: Mapping[str, Any]
    audits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by name, as they were written
    n_rows: int = 0  # of the triplets
    n_negatives: int = 0  # counted in the tables themselves
    n_queries: int = 0  # that have one

    @property
    def short_share(self) -> float:
        """Share of the queries with fewer negatives than were asked for."""
        return float(self.funnel["short_queries"]) / max(int(self.funnel["queries"]), 1)


def read_facts(folder: Path) -> MinedFacts:
    """Read what a folder of mined negatives says of itself; a RunError where its parts contradict each other."""
    mining = read_state(folder / layout.MINING, keys=("split", "depth", "seed"))
    funnel = read_state(folder / layout.FUNNEL, keys=("queries", "selected", "short_queries", "dropped", "sources"))
    if not mining or not funnel:
        raise RunError(
            f"{folder} holds no finished mining ({layout.MINING}, {layout.FUNNEL}); `hardneg mine` makes one"
        )
    counts = scan_parts(folder / NEGATIVES).select(pl.len(), pl.col("query_id").n_unique()).collect().row(0)
    triplets = folder / TRIPLETS
    facts = MinedFacts(
        mining,
        funnel,
        audits={
            name: from_json(checked(folder / file).read_text(encoding="utf-8"))
            for name, file in layout.AUDITS.items()
            if (folder / file).is_file()
        },
        n_rows=pl.scan_parquet(triplets).select(pl.len()).collect().item() if triplets.exists() else 0,
        n_negatives=counts[0],
        n_queries=counts[1],
    )
    _check(folder, facts)
    return facts


def _check(folder: Path, facts: MinedFacts) -> None:
    funnel, sources = facts.funnel, facts.funnel["sources"].values()
    pairs = {
        "negatives in the tables": (facts.n_negatives, funnel["selected"]),
        "queries with a negative": (facts.n_queries, funnel["queries"] - funnel["empty_queries"]),
        "negatives of all sources": (sum(each["selected"] for each in sources), funnel["selected"]),
    }
    wrong = [f"{what}: {one:,}, in {layout.FUNNEL} {other:,}" for what, (one, other) in pairs.items() if one != other]
    if wrong:
        raise RunError(
            f"{folder} contradicts itself, and its card would too ({'; '.join(wrong)}); look with `hardneg verify "
            f"{folder}`, and mine anew"
        )


def without_places(text: str) -> str:
    """Leave of paths in quotes their last part: where something lay on a machine concerns nobody else."""
    return _PATH.sub("", text)
