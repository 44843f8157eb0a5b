"""Every reader of bytes that somebody else may have written, on sound files that were damaged or made to do harm.

    python benchmarks/trust/fuzz.py [--tries 1000000] [--minutes 10] [--only "folders of runs"] [--again] [--table]

The files and what reads them are in tests/fuzz_targets.py, how they are changed in tests/mutations.py. Each input
follows from its number, so that one that found something can be tried again: --again does so with all that ever did.
A process does many; one that dies or hangs is counted, and another goes on behind that input. What was tried is added
up in results/fuzz.json, by reader and by version of the code, and the next call goes on behind it.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TESTS, RESULTS, README = ROOT / "tests", HERE / "results" / "fuzz.json", HERE / "README.md"
MARKS = ("<!-- fuzz -->", "<!-- /fuzz -->")
SILENT_S = 150.0  # a process that has written nothing for so long hangs
PIECE_S, LEAST = 80.0, 60  # seconds, and inputs, that a reader gets before the next one
FIRST = 200_000_000
# How much of all tries a reader gets: those of a second for hundreds get few.
SHARES = {
    "replies of language models": 180,
    "components on the command line": 180,
    "names of models": 100,
    "lists of checksums": 100,
    "recipes": 40,
    "datasets in folders": 60,
    "datasets of Hugging Face": 8,
    "datasets in one file": 100,
    "Parquet files": 100,
    "files of runs and labels": 30,
    "files of vectors": 40,
    "verdicts of people": 30,
    "fitted filters": 30,
    "folders of runs": 8,
    "folders of ladders": 4,
    "teachers": 4,
    "reports of runs": 1,
    "folders of models": 1,
}


@dataclass
class Tally:
    """What came of the inputs of one reader."""

    outcomes: Counter[str] = field(default_factory=Counter)
    defects: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    slowest_s: float = 0.0

    def add(self, line: Mapping[str, Any]) -> None:
        """Count one line of a log."""
        self.outcomes[line["outcome"]] += 1
        self.slowest_s = max(self.slowest_s, line["s"])
        if line["outcome"] == "defect":
            self.defects[line["number"]] = line["detail"]


def fuzz(name: str, place: Path, *, first: int, last: int, until: float) -> Tally:
    """Try a range of numbers on one reader, until a point in time at most."""
    tally, at, started = Tally(), first, time.monotonic()
    while at < last and time.monotonic() < until:
        folder = place / f"from-{at}"
        folder.mkdir(parents=True)
        # What is written as errors, progress and panics of libraries, says nothing here.
        process = subprocess.Popen(
            [sys.executable, str(TESTS / "fuzzing.py"), str(folder), name, str(at), str(last)],
            env=os.environ
            | {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "TQDM_DISABLE": "1", "PYTHONPATH": str(ROOT / "src")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        began, why = watched(process, folder / "log", until=until)
        lines = (folder / "log").read_text().splitlines() if (folder / "log").exists() else []
        made = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        for line in made:
            tally.add(line)
        at += len(made)
        if why and began > len(made):
            tally.add({"number": at, "outcome": "defect", "detail": why, "s": SILENT_S})
            at += 1
        elif why:
            tally.add({"number": at, "outcome": "defect", "detail": f"could not be tried: {why}", "s": 0.0})
            break
    tally.seconds = time.monotonic() - started
    return tally


def watched(process: "subprocess.Popen[bytes]", log: Path, *, until: float) -> tuple[int, str]:
    """Wait for a process; gives how many inputs it began, and how it died or that it hung, "" if neither."""
    seen, since = -1, time.monotonic()
    while process.poll() is None:
        time.sleep(0.2)
        size = log.stat().st_size if log.exists() else 0
        if size != seen:
            seen, since = size, time.monotonic()
        hangs = time.monotonic() - since > SILENT_S * (1 if size else 6)
        late = time.monotonic() > until and _begun(log) > LEAST  # what took long to begin is to be worth it
        if hangs or late:
            process.kill()
            process.wait()
            return (_begun(log), "hung") if hangs else (0, "")
    return _begun(log), f"ended with {process.returncode}" if process.returncode else ""


def _begun(log: Path) -> int:
    return sum(1 for line in log.read_text().splitlines() if line.isdigit()) if log.exists() else 0


@dataclass
class Kept:
    """All that was ever tried on one reader, from the first number on."""

    tries: int = 0
    read: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    by_code: dict[str, int] = field(default_factory=dict)  # tries, by version of the code
    defects: dict[str, str] = field(default_factory=dict)  # by number
    mended: dict[str, str] = field(default_factory=dict)  # the version in which the number was tried again

    def add(self, tally: Tally, *, code: str) -> None:
        """Add what was tried with a version of the code."""
        n = tally.outcomes.total()
        self.tries += n
        self.read += tally.outcomes["read"]
        self.refused += tally.outcomes["refused"]
        self.seconds = round(self.seconds + tally.seconds, 1)
        self.slowest_s = max(self.slowest_s, tally.slowest_s)
        self.by_code[code] = self.by_code.get(code, 0) + n
        self.defects |= {str(number): detail[:300] for number, detail in tally.defects.items()}

    @property
    def open(self) -> dict[str, str]:
        """Defects that are not known to be mended."""
        return {number: detail for number, detail in self.defects.items() if number not in self.mended}


def code_version() -> str:
    """Hash of the package, of the readers that are called and of how files are changed."""
    state = hashlib.blake2b(digest_size=6)
    files = [*(ROOT / "src").rglob("*.py"), TESTS / "mutations.py", TESTS / "fuzz_targets.py"]
    for path in sorted(files):
        state.update(path.read_bytes())
    return state.hexdigest()


def load() -> dict[str, Kept]:
    """Read what was tried before."""
    before = json.loads(RESULTS.read_text())["readers"] if RESULTS.exists() else {}
    return {name: Kept(**before.get(name, {})) for name in SHARES}


def save(kept: Mapping[str, Kept]) -> None:
    """Write down what was tried."""
    about = {"first": FIRST, "machine": f"{os.cpu_count()} cores, one of them used, others beside"}
    readers = {name: asdict(each) for name, each in kept.items()}
    RESULTS.write_text(json.dumps({"about": about, "readers": readers}, indent=1) + "\n")


def table(kept: Mapping[str, Kept]) -> str:
    """Lay out what was tried in Markdown."""
    head = ["reader", "inputs", "read", "refused in one message", "defects", "mended", "open", "slowest, s"]
    rows = [[name, *_counts([each])] for name, each in kept.items()]
    rows.append(["all", *_counts(kept.values())])
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _counts(each: Any) -> list[str]:
    each = list(each)
    counts = [sum(getattr(one, name) for one in each) for name in ("tries", "read", "refused")]
    counts += [sum(len(getattr(one, name)) for one in each) for name in ("defects", "mended", "open")]
    return [*(f"{count:,}" for count in counts), f"{max(one.slowest_s for one in each):.1f}"]


def write_readme(kept: Mapping[str, Kept]) -> None:
    """Put the table into README.md."""
    before, _, rest = README.read_text().partition(MARKS[0])
    README.write_text(f"{before}{MARKS[0]}\n\n{table(kept)}\n\n{MARKS[1]}{rest.partition(MARKS[1])[2]}")


def go_on(kept: dict[str, Kept], chosen: Mapping[str, int], place: Path, *, tries: int, until: float) -> None:
    """Try more, always on the reader that is furthest from its share."""
    code = code_version()
    wanted = {name: max(1, round(tries * share / sum(SHARES.values()))) for name, share in chosen.items()}
    while time.monotonic() < until:
        name = min(wanted, key=lambda each: kept[each].tries / wanted[each])
        left = wanted[name] - kept[name].tries
        if left <= 0:
            return
        first = FIRST + kept[name].tries
        folder = place / f"{name.replace(' ', '-')}-{time.monotonic_ns()}"
        tally = fuzz(name, folder, first=first, last=first + left, until=min(until, time.monotonic() + PIECE_S))
        kept[name].add(tally, code=code)
        save(kept)
        n = max(1, tally.outcomes.total())
        print(f"{name}: {dict(tally.outcomes)}, {1_000 * tally.seconds / n:.1f} ms each", flush=True)
        for number, detail in tally.defects.items():
            print(f"    {number}: {detail[:400]}", flush=True)


def again(kept: dict[str, Kept], chosen: Mapping[str, int], place: Path) -> None:
    """Try all numbers again that are open."""
    code = code_version()
    for name in chosen:
        for number in list(kept[name].open):
            tally = fuzz(
                name, place / f"again-{number}", first=int(number), last=int(number) + 1, until=time.monotonic() + 120
            )
            if tally.outcomes.total() and not tally.defects:
                kept[name].mended[number] = code
            print(name, number, "open" if tally.defects else "mended", *tally.defects.values(), flush=True)
        save(kept)


def main() -> int:
    """Go on; 1 if a defect is open."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tries", type=int, default=1_000_000, help="of all readers, with those before")
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--again", action="store_true", help="try the numbers again that found something")
    parser.add_argument("--table", action="store_true", help="write the table of README.md, and try nothing")
    options = parser.parse_args()
    kept = load()
    chosen = {name: share for name, share in SHARES.items() if options.only in name}
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        if options.again:
            again(kept, chosen, Path(folder))
        elif not options.table:
            until = time.monotonic() + 60 * options.minutes
            go_on(kept, chosen, Path(folder), tries=options.tries, until=until)
    write_readme(kept)
    n_open = sum(len(each.open) for each in kept.values())
    print(f"{sum(each.tries for each in kept.values()):,} inputs in all, {n_open} defects open", flush=True)
    return int(n_open > 0)


if __name__ == "__main__":
    sys.exit(main())
