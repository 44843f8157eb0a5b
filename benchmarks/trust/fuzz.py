"""Every reader of bytes that somebody else may have written, on sound files that were damaged or made to do harm.

    python benchmarks/trust/fuzz.py --tries 1000000 --minutes 60 [--only "folders of runs"]

The files and what reads them are in tests/fuzz_targets.py, how they are changed in tests/mutations.py. Each input
follows from its number, so that one that found something can be tried again. A process does many; one that dies or
hangs is counted, and another goes on behind that input.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rows import Row, keep

TESTS = Path(__file__).parents[2] / "tests"
SILENT_S = 60.0  # a process that has written nothing for so long hangs
BATCH = 20_000
# How much of all tries a reader gets: those of a second for hundreds get few.
SHARES = {
    "replies of language models": 300,
    "components on the command line": 300,
    "names of models": 150,
    "recipes": 30,
    "datasets in folders": 60,
    "datasets in one file": 60,
    "files of runs and labels": 20,
    "files of vectors": 40,
    "verdicts of people": 60,
    "fitted filters": 60,
    "folders of runs": 8,
    "reports of runs": 1,
    "folders of models": 1,
}


@dataclass
class Tally:
    """What came of the inputs of one reader."""

    outcomes: Counter[str] = field(default_factory=Counter)
    defects: dict[str, int] = field(default_factory=dict)  # and the first number that showed each
    slowest_s: float = 0.0

    def add(self, line: Mapping[str, Any]) -> None:
        """Count one line of a log."""
        self.outcomes[line["outcome"]] += 1
        self.slowest_s = max(self.slowest_s, line["s"])
        if line["outcome"] == "defect":
            self.defects.setdefault(line["detail"], line["number"])


def fuzz(name: str, place: Path, *, first: int, last: int, until: float) -> Tally:
    """Try a range of numbers on one reader, until a point in time at most."""
    tally, at = Tally(), first
    while at < last and time.monotonic() < until:
        folder = place / f"from-{at}"
        folder.mkdir(parents=True)
        # What is written as errors, progress and panics of libraries, says nothing here.
        process = subprocess.Popen(
            [sys.executable, str(TESTS / "fuzzing.py"), str(folder), name, str(at), str(min(last, at + BATCH))],
            env=os.environ | {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "TQDM_DISABLE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        began, why = watched(process, folder / "log", until=until)
        done = 0
        for line in (folder / "log").read_text().splitlines() if (folder / "log").exists() else ():
            if line.startswith("{"):
                done += 1
                tally.add(json.loads(line))
        at += done
        if why and began > done:
            tally.add({"number": at, "outcome": "defect", "detail": why, "s": SILENT_S})
            at += 1
        elif not done and time.monotonic() < until:
            tally.add({"number": at, "outcome": "defect", "detail": f"could not be tried: {why}", "s": 0.0})
            break
        elif not done:
            break
    return tally


def watched(process: "subprocess.Popen[bytes]", log: Path, *, until: float) -> tuple[int, str]:
    """Wait for a process; gives how many inputs it began, and how it died or that it hung, "" if neither."""
    seen, since = -1, time.monotonic()
    while process.poll() is None:
        time.sleep(0.5)
        size = log.stat().st_size if log.exists() else 0
        if size != seen:
            seen, since = size, time.monotonic()
        hangs, late = time.monotonic() - since > SILENT_S * (1 if size else 3), time.monotonic() > until
        if hangs or late:
            process.kill()
            process.wait()
            return (_begun(log), "hung") if hangs else (0, "")
    return _begun(log), f"ended with {process.returncode}" if process.returncode else ""


def _begun(log: Path) -> int:
    return sum(1 for line in log.read_text().splitlines() if line.isdigit()) if log.exists() else 0


def rows(case: object, *, tries: int, seed: int, only: str = "", minutes: float = 600.0) -> Iterator[Row]:  # noqa: ARG001
    """Share the tries out over the readers."""
    chosen = {name: share for name, share in SHARES.items() if only in name}
    ends = time.monotonic() + 60 * minutes
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        left = sum(chosen.values())
        for name, share in chosen.items():
            started = time.monotonic()
            until = started + (ends - started) * max(share / left, 1 / 12)  # the slow ones get a time of their own
            left -= share
            n = max(40, round(tries * share / sum(chosen.values())))
            first = seed * 100_000_000
            tally = fuzz(name, Path(folder) / name.replace(" ", "-"), first=first, last=first + n, until=until)
            row = Row("damaged or made up", name, tries=tally.outcomes.total(), untouched=tally.outcomes["read"])
            row.told = tally.outcomes["refused"]
            row.losses = [f"{detail} (number {number})" for detail, number in tally.defects.items()]
            row.seconds = round(time.monotonic() - started, 1)
            yield row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tries", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", action="store_true", help="write the rows down")
    options = parser.parse_args()
    made = []
    for row in rows(None, tries=options.tries, seed=options.seed, only=options.only, minutes=options.minutes):
        print(f"{row.seconds:8.0f} s  {' | '.join(row.cells())}", flush=True)
        for loss in row.losses[:20]:
            print(f"            {loss[:300]}", flush=True)
        made.append(row)
    print(
        f"{sum(row.tries for row in made):,} inputs, {sum(len(row.losses) for row in made)} kinds of defect", flush=True
    )
    if options.keep:
        keep("fuzz", made, about={"seed": options.seed, "machine": f"{os.cpu_count()} cores"})
    return int(any(row.losses for row in made))


if __name__ == "__main__":
    sys.exit(main())
