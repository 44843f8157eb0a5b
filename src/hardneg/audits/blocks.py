"""Queries of an audit, mined and counted block by block, by whichever engine is at work."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.audits.detection import seen
from hardneg.audits.outcome import Outcome, outcome, together
from hardneg.engines import current_engine, is_here
from hardneg.files import cache_folder, replacing
from hardneg.filters.learned.features import Features
from hardneg.filters.protocol import Fittable, with_fitted
from hardneg.negatives.ahead import prepared, scorers_of
from hardneg.negatives.plan import Plan, filter_and_select
from hardneg.planting.planting import Planted
from hardneg.progress import task
from hardneg.runs.parts import is_whole, part_path, read_table
from hardneg.scoring import Scorer
from hardneg.sources import gather

_KINDS = ("queries", "sources", "filters")
_SEEN = "seen"


@dataclass(frozen=True, eq=False)
class BlockCounts:
    """What a block came to."""

    outcomes: dict[str, Outcome]  # by plan
    seen: pl.DataFrame | None


@dataclass(frozen=True, eq=False)
class AuditBlocks:
    """Queries with hidden answers, mined by plans that differ in filters and selection alone, and counted.

    With features, what the first plan leaves is described by them.
    """

    planted: Planted
    plans: Mapping[str, Plan]
    score: str
    blocks: list[Int32[np.ndarray, " queries"]]
    features: Features | None
    folder: Path

    @property
    def scorers(self) -> tuple[Scorer, ...]:
        """Whom the filters ask."""
        return tuple(scorer for plan in self.plans.values() for scorer in scorers_of(plan))

    def count(self, number: int) -> BlockCounts:
        """Mine a block and count."""
        block, dataset, outcomes, described = self.blocks[number], self.planted.dataset, dict[str, Outcome](), None
        first = next(iter(self.plans.values()))
        gathered = gather(dataset, first.sources, block, first.depth)
        with task("trying settings", total=len(self.plans), unit="settings") as advance:
            for name, plan in self.plans.items():
                tables = filter_and_select(gathered, dataset, plan)
                per_query = plan.select.per_query
                outcomes[name] = outcome(*tables, self.planted, block, per_query=per_query, score=self.score)
                if plan is first and self.features is not None:
                    described = seen(*tables, self.planted, self.features)
                advance(1)
        return BlockCounts(outcomes, described)

    def do(self, number: int) -> None:
        """Mine a block, count, and write the counts."""
        counts = self.count(number)
        for at, each in enumerate(counts.outcomes.values()):
            for kind in _KINDS:
                _write(getattr(each, kind), self._part(f"{kind}-{at}", number))
        if counts.seen is not None:
            _write(counts.seen, self._part(_SEEN, number))

    def read(self, number: int) -> BlockCounts:
        """Read the counts of a block."""
        outcomes = {
            name: Outcome(*(read_table(self._part(f"{kind}-{at}", number)) for kind in _KINDS))
            for at, name in enumerate(self.plans)
        }
        return BlockCounts(outcomes, None if self.features is None else read_table(self._part(_SEEN, number)))

    def is_there(self, number: int) -> bool:
        """Say whether a block is counted."""
        names = [f"{kind}-{at}" for at in range(len(self.plans)) for kind in _KINDS]
        names += [] if self.features is None else [_SEEN]
        return all(is_whole(self._part(name, number)) for name in names)

    def _part(self, name: str, number: int) -> Path:
        return part_path(self.folder / name, number)


def counted(
    planted: Planted,
    plans: Mapping[str, Plan],
    *,
    score: str,
    block_size: int,
    advance: Callable[[int], None],
    features: Features | None = None,
) -> tuple[dict[str, Outcome], list[pl.DataFrame]]:
    """Mine the queries of a planting block by block and count, for each plan; their candidates are the same.

    Gives the counts by plan, and, with features, what of the first plan was described by them, block by block.
    """
    blocks = np.split(planted.queries, range(block_size, len(planted.queries), block_size))
    work = AuditBlocks(planted, plans, score, blocks, features, Path())
    done = list(_here(work, advance) if is_here() else _elsewhere(work, advance))
    outcomes = {name: together([each.outcomes[name] for each in done]) for name in plans}
    return outcomes, [each.seen for each in done if each.seen is not None]


def _here(work: AuditBlocks, advance: Callable[[int], None]) -> Iterator[BlockCounts]:
    for number, block in enumerate(work.blocks):
        yield work.count(number)
        advance(len(block))


def _elsewhere(work: AuditBlocks, advance: Callable[[int], None]) -> Iterator[BlockCounts]:
    """Have the blocks done by an engine, into a folder that all of its workers see, and that goes in the end."""
    folder = cache_folder() / "audits" / _key(work)
    work = replace(work, folder=folder)
    missing = [number for number in range(len(work.blocks)) if not work.is_there(number)]
    advance(sum(len(block) for block in work.blocks) - sum(len(work.blocks[number]) for number in missing))
    queries = np.concatenate([work.blocks[number] for number in missing] or [work.planted.queries[:0]])
    with prepared(next(iter(work.plans.values())), work.planted.dataset, queries) as ready:
        plans = {name: replace(plan, sources=ready.sources) for name, plan in work.plans.items()}
        for number in current_engine().each(replace(work, plans=plans), missing):
            advance(len(work.blocks[number]))
    yield from (work.read(number) for number in range(len(work.blocks)))
    shutil.rmtree(folder, ignore_errors=True)


def _key(work: AuditBlocks) -> str:
    """Hash all that decides the counts; where fitted filters are kept does not count, since they follow from it."""
    plans = [
        replace(
            plan,
            filters=tuple(with_fitted(each, None) if isinstance(each, Fittable) else each for each in plan.filters),
        )
        for plan in work.plans.values()
    ]
    parts = [[plan.key(work.planted.dataset) for plan in plans], work.score, len(work.blocks[0]), repr(work.features)]
    digest = hashlib.blake2b(json.dumps(parts).encode(), digest_size=16)
    for numbers in (work.planted.queries, work.planted.hidden.keys):
        digest.update(np.ascontiguousarray(numbers).tobytes())
    return digest.hexdigest()


def _write(table: pl.DataFrame, path: Path) -> None:
    with replacing(path) as temporary:
        table.write_parquet(temporary)
