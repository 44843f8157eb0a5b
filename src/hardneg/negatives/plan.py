"""All that decides which negatives are mined, and one block of queries from sources to negatives."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg import domains
from hardneg.components import Room, as_json, as_table, build, pick
from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.filters import FILTERS, Filter, apply_filters
from hardneg.filters.learned.model import group_digest
from hardneg.filters.protocol import Grouping
from hardneg.negatives.selection import Selection, select
from hardneg.negatives.strategies import STRATEGIES
from hardneg.place import Place
from hardneg.scoring import SCORERS, Scorer
from hardneg.sources import SOURCES, Source, gather, identity
from hardneg.sources.protocol import Checks, Encodes, ReadsLabels, ReadsMetadata

_INSIDE = Room("source", SOURCES | domains.SOURCES, Source)
SOURCE = Room("source", SOURCES | domains.SOURCES, Source, inner=dict.fromkeys(("first", "second", "of"), _INSIDE))
SCORER = Room("scorer", SCORERS, Scorer)
FILTER = Room("filter", FILTERS | domains.FILTERS, Filter, inner={"scorer": SCORER})
SELECT = {"strategy": Room("strategy", STRATEGIES)}
_PARTS = {"sources": SOURCE, "filters": FILTER}
_PLACE = Place(Path("plan"))


@dataclass(frozen=True)
class Plan:
    """Everything that decides which negatives are mined."""

    split: str  # the queries with a positive in it are mined for
    sources: tuple[Source, ...]
    filters: tuple[Filter, ...]  # known positives are always refused
    select: Selection
    depth: int = 100  # candidates that each source gives a query
    seed: int = 0

    def as_table(self) -> dict[str, Any]:
        """Write the plan in values of JSON, its parts named as in a recipe; a RecipeError says what has no name."""
        table: dict[str, Any] = {"split": self.split, "depth": self.depth, "seed": self.seed}
        for key, room in _PARTS.items():
            table[key] = []
            for part in getattr(self, key):
                try:
                    table[key].append(as_json(part, room))
                    pick(room, table[key][-1], _PLACE.at(key))
                    if type(part).__module__ == "__main__":
                        raise TypeError(f"a {type(part).__name__} of the program itself, which no module holds")
                except (TypeError, RecipeError) as error:
                    raise RecipeError(
                        f"{room.kind} {part.name!r} cannot be written down: it is or has {error}"
                    ) from None
        return table | {"select": as_table(self.select, rooms=SELECT, nulls=True)}

    @classmethod
    def from_table(cls, table: dict[str, Any], *, foreign: bool = False) -> "Plan":
        """Read a plan back; a `foreign` one may be another's than the user's, and names no code."""
        place = replace(_PLACE, foreign=foreign)
        parts = {key: tuple(pick(room, each, place.at(key)) for each in table[key]) for key, room in _PARTS.items()}
        return cls(**table | parts | {"select": build(Selection, table["select"], place.at("select"), rooms=SELECT)})

    def identity(self, dataset: Dataset) -> dict[str, Any]:
        """Describe the plan on a dataset such that equal descriptions mine equal negatives.

        `groups`, metadata that filters look at, is there only if one does.
        """
        grouping = [each.group for each in self.filters if isinstance(each, Grouping) and each.group is not None]
        groups = {group: group_digest(dataset, group) for group in grouping}
        return {
            "dataset": dataset.fingerprint,
            "split": self.split,
            "sources": [identity(source, dataset) for source in self.sources],
            "filters": [identity(filter_, dataset) for filter_ in self.filters],
            # Hashes of what was mined before know the strategy by its older name.
            "select": repr(self.select).replace("strategy=Uniform()", "strategy=Random()"),
            "depth": self.depth,
            "seed": self.seed,
            **({"groups": groups} if groups else {}),
        }

    def check(self, dataset: Dataset) -> None:
        """Make sure, before anything is mined, that the dataset has what sources and filters read of it."""
        for part in (*self.sources, *self.filters):
            if isinstance(part, ReadsMetadata):
                part.metadata_digest(dataset)
            if isinstance(part, Checks):
                part.check(dataset, dataset.queries_of(self.split), split=self.split)
            if isinstance(part, ReadsLabels) and part.reads_split not in (None, self.split):
                raise RecipeError(
                    f"source {part.name!r} reads the labels of split {part.reads_split!r}, but {self.split!r} is "
                    f"mined; leave split out of a recipe, or set it to {self.split!r}"
                )

    @property
    def models(self) -> list[str]:
        """The models that its sources search with, as they were named, each once; a stage's own has no such name."""
        models = [each.model for each in self.sources if isinstance(each, Encodes)]
        return list(dict.fromkeys(str(each) for each in models if type(each) is str or isinstance(each, Path)))

    def key(self, dataset: Dataset) -> str:
        """Hash the identity to a name for a folder."""
        identity = json.dumps(self.identity(dataset), sort_keys=True)
        return hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()

    def blocks(self, dataset: Dataset, block_size: int) -> list[Int32[np.ndarray, " queries"]]:
        """Cut the queries of the split into blocks, in order."""
        queries = dataset.queries_of(self.split)
        return np.split(queries, range(block_size, len(queries), block_size))


def mine_block(dataset: Dataset, block: Int32[np.ndarray, " queries"], plan: Plan) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Mine one block of queries; the split of the plan is not looked at."""
    return filter_and_select(gather(dataset, plan.sources, block, plan.depth), dataset, plan)


def filter_and_select(candidates: pl.DataFrame, dataset: Dataset, plan: Plan) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Filter candidates and choose the negatives among them."""
    candidates = apply_filters(candidates, dataset, plan.filters)
    return candidates, select(candidates, dataset, plan.select, seed=plan.seed)
