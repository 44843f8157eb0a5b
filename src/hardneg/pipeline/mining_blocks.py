"""Blocks of queries, mined by whichever engine is at work, each into parts of its own."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.engines import current_engine
from hardneg.negatives.ahead import prepared, scorers_of
from hardneg.negatives.invariants import check_negatives
from hardneg.negatives.plan import Plan, mine_block
from hardneg.progress import task
from hardneg.runs.parts import is_whole, part_path, write_part
from hardneg.scoring import Scorer


@dataclass(frozen=True, eq=False)
class MiningBlocks:
    """Queries that are mined block by block, each into a part of candidates and one of negatives."""

    dataset: Dataset
    plan: Plan  # fitted
    folder: Path
    blocks: list[Int32[np.ndarray, " queries"]]

    @property
    def scorers(self) -> tuple[Scorer, ...]:
        """Whom the filters ask."""
        return scorers_of(self.plan)

    def parts(self, number: int) -> list[Path]:
        """Name the parts of a block."""
        return [part_path(self.folder / name, number) for name in ("candidates", "negatives")]

    def do(self, number: int) -> None:
        """Mine a block."""
        tables = mine_block(self.dataset, self.blocks[number], self.plan)
        check_negatives(tables[1], self.dataset, per_query=self.plan.select.per_query)
        for table, part in zip(tables, self.parts(number), strict=True):
            write_part(table, self.dataset, part)


def mine_missing(work: MiningBlocks) -> None:
    """Mine what is not there, by the engine of the time."""
    missing = [n for n in range(len(work.blocks)) if not all([is_whole(part) for part in work.parts(n)])]
    queries = np.concatenate([work.blocks[number] for number in missing] or [np.empty(0, np.int32)])
    with task("mining", total=sum(map(len, work.blocks)), unit="queries") as advance:
        advance(sum(map(len, work.blocks)) - len(queries))
        with prepared(work.plan, work.dataset, queries) as plan:
            for number in current_engine().each(replace(work, plan=plan), missing):
                advance(len(work.blocks[number]))
