"""Where the files of a run lie and what they are called; no other module knows it.

RUN/
    recipe.toml  manifest.json  report.html
    dataset/                     built or dealt by the run
    candidates/ negatives/  mining.json  funnel.json  found_positives.parquet  scores/
    stages/NAME[-seedN]/         the same of each stage, if the recipe has stages
    training/ROW-seedN/          training.json  refresh/refresh.jsonl  model/
    evaluation/ROW[-seedN]/      metrics.json  per_query.parquet  run.trec  qrels.trec
    model/                       the last row's model, first seed
LADDER/
    plan.json  draft.json  ladder.json  shared/  rungs/
"""

import re
from dataclasses import dataclass

RECIPE, MANIFEST, REPORT = "recipe.toml", "manifest.json", "report.html"
MINING, FUNNEL, FOUND = "mining.json", "funnel.json", "found_positives.parquet"
TRAINING, REFRESHES = "training.json", "refresh.jsonl"
METRICS, PER_QUERY, RANKINGS, QRELS = "metrics.json", "per_query.parquet", "run.trec", "qrels.trec"
PLAN, DRAFT, LADDER = "plan.json", "draft.json", "ladder.json"

_SEEDED = re.compile(r"(?P<row>.*)-seed(?P<seed>\d+)")


@dataclass(frozen=True)
class Seeded:
    """A row and the seed that it was made with, as they name a folder or a stage: `mined-seed0`."""

    row: str
    seed: int | None = None

    def __str__(self) -> str:
        """Write the name."""
        return self.row if self.seed is None else f"{self.row}-seed{self.seed}"

    @classmethod
    def parse(cls, name: str) -> "Seeded":
        """Read a name."""
        found = _SEEDED.fullmatch(name)
        return cls(name) if found is None else cls(found["row"], int(found["seed"]))


@dataclass(frozen=True)
class StageKey:
    """What a stage of a run is called in its manifest: `train mined-seed0`."""

    verb: str
    of: Seeded = Seeded("")

    def __str__(self) -> str:
        """Write the key."""
        return f"{self.verb} {self.of}".rstrip()

    @classmethod
    def parse(cls, key: str) -> "StageKey":
        """Read a key."""
        verb, _, of = key.partition(" ")
        return cls(verb, Seeded.parse(of))
