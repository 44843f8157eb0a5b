"""Where the files of a run lie and what they are called; no other module knows it.

RUN/
    recipe.toml                  with every default filled in
    manifest.json  report.html   versions, fingerprints, components, counts and costs of stages; all of it on one page
    dataset/                     built or dealt by the run
    candidates/ negatives/  mining.json  funnel.json  readings.json  found_positives.parquet
    scores/                      what the teachers think of them, if there are teachers
    audit.json  frontier.json    and others, of audits that were told to write here
    stages/NAME[-seedN]/         the same of each stage, if the recipe has stages
    training/ROW-seedN/          training.json  loss.jsonl  refresh.jsonl  replacement.jsonl  watch.jsonl  model/
    also/NAME/                   the same of each further dataset, and evaluation/ of those that have a test split
    evaluation/ROW[-seedN]/      metrics.json  per_query.parquet  run.trec  qrels.trec
    model/                       the last row's model, first seed
LADDER/
    plan.json  draft.json  ladder.json  shared/  rungs/
    best/                        model/  recipe.toml of the rung that was best on the development split
FIT/
    fit.json  model/  recipe.toml  report.html  negatives/
    dataset/                     with all its splits
    development/NAME/            BM25, the model as it is, and the finalists, on development queries
    race/STRATEGY-RATE-STEPS/    a run folder for each training; race/shared/ has what they mined
    finish/run/  finish/in_batch/  finish/dataset/
PULLED/
    pulled.json                  of which repository and commit a folder of a Hub is
"""

import re
from dataclasses import dataclass
from pathlib import Path

RECIPE, MANIFEST, REPORT = "recipe.toml", "manifest.json", "report.html"
MINING, FUNNEL, FOUND = "mining.json", "funnel.json", "found_positives.parquet"
READINGS = "readings.json"
TRAINING, LOSSES, REFRESHES, REPLACEMENTS = "training.json", "loss.jsonl", "refresh.jsonl", "replacement.jsonl"
# What is looked at while training, the looks, and the value of each query at each; the folder is of the model at last.
WATCH, LOOKS, LOOK_VALUES = "watch.json", "watch.jsonl", "watch.parquet"
WATCHED = Path("watch")
VECTORS = "vectors.json"
METRICS, PER_QUERY, RANKINGS, QRELS = "metrics.json", "per_query.parquet", "run.trec", "qrels.trec"
PLAN, DRAFT, LADDER = "plan.json", "draft.json", "ladder.json"
BEST = Path("best")
ALSO = Path("also")
ENCODING = "encoding.json"
PULLED = "pulled.json"
FIT, FINAL_RUN, FINAL_BASE, FINAL_DATASET = "fit.json", "finish/run", "finish/in_batch", "finish/dataset"
# What ends the name of a system that was measured against the small corpus of a fit too, or among random documents.
SMALL, AMONG = "-small", "-among"

# One file for each way of auditing: an audit by planting does not replace one by a sample.
AUDITS = {
    "planted": "audit.json",
    "judged": "audit_judged.json",
    "truth": "audit_truth.json",
    "sampled": "audit_sampled.json",
    "frontier": "frontier.json",
    "calibration": "calibrate.json",
}

_SEEDED = re.compile(r"(?P<row>.*)-seed(?P<seed>\d+)")


@dataclass(frozen=True)
class Seeded:
    """A row and the seed that it was made with, as they name a folder or a stage: `mined-seed0`."""

    row: str
    seed: int | None = None  # None where one result serves all seeds

    def __str__(self) -> str:
        """Write the name."""
        return self.row if self.seed is None else f"{self.row}-seed{self.seed}"

    @classmethod
    def parse(cls, name: str) -> "Seeded":
        """Read a name."""
        match = _SEEDED.fullmatch(name)
        return cls(name) if match is None else cls(match["row"], int(match["seed"]))


@dataclass(frozen=True)
class StageKey:
    """What a stage of a run is called in its manifest: `train mined-seed0`."""

    verb: str  # dataset, mine, score, train or evaluate
    of: Seeded = Seeded("")  # of an empty row where there is only one

    def __str__(self) -> str:
        """Write the key."""
        return f"{self.verb} {self.of}".rstrip()

    @classmethod
    def parse(cls, key: str) -> "StageKey":
        """Read a key."""
        verb, _, of = key.partition(" ")
        return cls(verb, Seeded.parse(of))


def minings(run: Path) -> list[Path]:
    """List the folders that a run mined into, or may have: its own and those of its stages."""
    return [run, *sorted(run.glob("stages/*"))]


def further(run: Path) -> list[Path]:
    """List the folders of a run's further datasets, those of its stages too."""
    return [*sorted(run.glob(f"{ALSO}/*")), *sorted(run.glob(f"stages/*/{ALSO}/*"))]


def trainings(run: Path) -> list[Path]:
    """List the folders of a run's trainings, seeds by their numbers; else the folder may be that of a training."""
    inside = sorted((file.parent for file in run.glob(f"training/*/{LOSSES}")), key=_by_number)
    return inside or [place for place in (run / "training", run) if (place / LOSSES).exists()]


def evaluations(run: Path) -> list[Path]:
    """List the folders of a run's evaluations; else the folder may be that of one, or of several."""
    inside = sorted((file.parent for file in run.glob(f"evaluation/*/{METRICS}")), key=_by_number)
    return inside or [place for place in (run, *sorted(run.glob("*"))) if (place / METRICS).exists()]


def _by_number(place: Path) -> tuple[str, int]:
    of = Seeded.parse(place.name)
    return of.row, -1 if of.seed is None else of.seed
