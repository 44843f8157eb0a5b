"""The refreshes of a run on disk.

refresh.jsonl                one line a refresh, kept when the run is finished
refresh/step-N/              a round: made with the weights after N steps; N = 0 is what training began with
    model/                   these weights, until the round is made
    candidates/              only if candidates are scored again later
    vectors/                 of these weights, until the round is made
    parts/                   negatives of blocks, while an engine makes the round
    filters/                 those that were fitted anew with these weights
    report.json
    negatives.parquet        written last: a round is there when its negatives are
"""

import json
import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from hardneg.checksums import checked
from hardneg.data.findings import Finding
from hardneg.files import replacing
from hardneg.runs import layout
from hardneg.runs.parts import read_table
from hardneg.runs.state import read_lines, whole_lines
from hardneg.training.refresh.settings import Work


@dataclass(frozen=True)
class Report:
    """What making a round took and changed."""

    seconds: float
    overlap: float | None  # share of the new negatives that were among the old
    old_score: float | None  # mean under the weights of the round, random fill left out
    new_score: float | None


@dataclass(frozen=True)
class Refreshed:
    """One refresh of the negatives."""

    step: int  # steps done when the new negatives came into use
    work: Work
    lag: int  # steps between the weights that found them and `step`
    seconds: float = 0.0
    waited: float = 0.0  # for which training stood still
    share: float = 0.0  # of the time of training so far, in [0, 1]
    overlap: float | None = None
    old_score: float | None = None
    new_score: float | None = None
    problem: str | None = None  # why there are no new negatives

    @property
    def round(self) -> int:
        """Steps done by the weights that found the negatives."""
        return self.step - self.lag


@dataclass(frozen=True)
class Rounds:
    """Paths and records of the refreshes of a run."""

    path: Path

    def folder(self, number: int) -> Path:
        """Name the folder of a round."""
        return self.path / "refresh" / f"step-{number:08d}"

    def model(self, number: int) -> Path:
        """Name the folder of the weights that a round is made with."""
        return self.folder(number) / "model"

    def vectors(self, number: int) -> Path:
        """Name the folder where vectors are kept while a round is made."""
        return self.folder(number) / "vectors"

    def fitted(self, number: int, name: str) -> Path:
        """Name the file of a filter that was fitted with the weights of a round."""
        return self.folder(number) / "filters" / f"{name}.npz"

    def is_there(self, number: int) -> bool:
        """Say whether a round is made."""
        return (self.folder(number) / "negatives.parquet").exists()

    def read(self, number: int) -> pl.DataFrame:
        """Read the negatives of a round."""
        return read_table(checked(self.folder(number) / "negatives.parquet"))

    def finish(self, number: int, negatives: pl.DataFrame, report: Report) -> None:
        """Write the negatives of a round and what they took; from now on the round is there."""
        folder = self.folder(number)
        shutil.rmtree(folder / "model", ignore_errors=True)
        with replacing(folder / "report.json") as temporary:
            temporary.write_text(json.dumps(asdict(report)) + "\n")
        with replacing(folder / "negatives.parquet") as temporary:
            negatives.write_parquet(temporary)

    def report(self, number: int) -> Report:
        """Read what a round took."""
        return Report(**json.loads(checked(self.folder(number) / "report.json").read_text()))

    def write_candidates(self, number: int, part: int, candidates: pl.DataFrame) -> None:
        """Write one part of a round's candidates."""
        with replacing(self.folder(number) / "candidates" / f"part-{part:05d}.parquet") as temporary:
            candidates.write_parquet(temporary)

    def write_part(self, number: int, part: int, negatives: pl.DataFrame) -> None:
        """Write the negatives of one part of a round that is made by several."""
        with replacing(self.folder(number) / "parts" / f"part-{part:05d}.parquet") as temporary:
            negatives.write_parquet(temporary)

    def take_parts(self, number: int) -> pl.DataFrame:
        """Read the negatives of all parts of a round, which go."""
        folder = self.folder(number) / "parts"
        table = pl.concat([read_table(part) for part in sorted(folder.glob("part-*.parquet"))])
        shutil.rmtree(folder)
        return table

    def candidates(self, number: int) -> list[Path]:
        """List the parts of a round's candidates."""
        return [checked(part) for part in sorted((self.folder(number) / "candidates").glob("part-*.parquet"))]

    def forget(self, *, but: Collection[int]) -> None:
        """Remove all rounds but some."""
        kept = {self.folder(number) for number in but}
        for folder in self.path.glob("refresh/step-*"):
            if folder not in kept:
                shutil.rmtree(folder)

    def record(self, refreshed: Refreshed) -> None:
        """Write down a refresh."""
        with (self.path / layout.REFRESHES).open("a") as file:
            file.write(json.dumps(asdict(refreshed)) + "\n")

    def records(self) -> list[Refreshed]:
        """Read the refreshes so far, in order; nothing if there was none."""
        file = self.path / layout.REFRESHES
        with whole_lines(file):
            return [Refreshed(**line) for line in read_lines(file)]

    def cut(self, step: int) -> None:
        """Drop the records of refreshes that a run from `step` on will do again."""
        kept = [record for record in self.records() if record.step < step]
        with replacing(self.path / layout.REFRESHES) as temporary:
            temporary.write_text("".join(json.dumps(asdict(record)) + "\n" for record in kept))


def in_force(records: Iterable[Refreshed]) -> tuple[int, int]:
    """Find the round whose negatives are in force, and the one whose candidates are."""
    made = [record for record in records if record.problem is None]
    rounds, mined = [0], [0]
    rounds += [record.round for record in made]
    mined += [record.round for record in made if record.work == "mine"]
    return rounds[-1], mined[-1]


def failed_refreshes(records: Sequence[Refreshed]) -> Finding | None:
    """HN036: a refresh failed, and training went on with older negatives."""
    failed = [record for record in records if record.problem is not None]
    if not failed:
        return None
    return Finding(
        code="HN036",
        severity="warning",
        title="a refresh failed",
        detail=(
            f"{len(failed)} of {len(records)} refreshes gave no new negatives, and training went on with the ones that "
            "it had. Usually the second process ran out of memory, on the machine or on its accelerator"
        ),
        remedy='read the messages; give the second process more room, or set mode = "sync" in train.refresh',
        count=len(failed),
        examples=tuple(f"step {record.step}: {record.problem}" for record in failed[:5]),
    )
