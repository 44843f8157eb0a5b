"""A command is killed at a moment drawn at random, and called again: what it leaves must be what it would have left."""

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import works
from case import Case
from forked import Ended, command, finish, start
from works import Work

from rows import Row

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_REVIEW = "review"
# Of a hundred kills; a few commands write caches alone (`encode`), or start processes of their own (async, ladder).
_SHARES = {
    "mine": 14,
    "train": 12,
    "run, refreshed": 9,
    "run, refreshed async": 6,
    "score": 8,
    "teacher train": 6,
    "encode": 7,
    "evaluate": 5,
    "audit": 4,
    "ladder": 7,
    "fit": 7,
    "export": 5,
    "data split": 3,
    _REVIEW: 7,
}


def rows(
    case: Case, *, tries: int, seed: int, commands: Sequence[str], done: Sequence[Row], short: bool
) -> Iterator[Row]:
    """Kill each command so many times, and call it again, now and then killing it again."""
    every = works.works(case)
    chosen = commands or (("mine", "train", "export") if short else tuple(_SHARES))
    for name in chosen:
        if ("a kill", name) in {(row.fault, row.command) for row in done}:
            continue
        row, rng, began = Row("a kill", name), random.Random(f"{seed} {name}"), time.time()
        n_kills = 1 if short else -(-tries * _SHARES[name] // 100)
        if name == _REVIEW:
            _kill_pages(case, row, rng, n_kills)
        else:
            _kill(case, every[name], row, rng, n_kills)
        row.seconds = round(time.time() - began, 1)
        yield row


def _kill(case: Case, work: Work, row: Row, rng: random.Random, n_kills: int) -> None:
    whole, whole_s = _whole(case, work)
    while row.tries < n_kills:
        killed = Killed(case, work, case.place / "killed" / str(row.tries))
        problem = killed.by(rng, within=whole_s) or killed.problem(works.result(whole))
        row.tries += killed.n_kills
        row.untouched += 0 if problem else killed.n_kills
        row.losses += [f"{work.name}: {problem}"] if problem else []
        shutil.rmtree(case.place / "killed", ignore_errors=True)


def _whole(case: Case, work: Work) -> tuple[Path, float]:
    """Run a command undisturbed, with a cache of its own; what it gives, and how long it takes."""
    folder = case.place / "whole" / work.name.replace(" ", "-")
    folder.mkdir(parents=True)
    with works.cache_in(folder):
        started = time.time()
        ended = command(work.arguments(folder), case.logs)
    assert ended.code == 0, f"{work.name}: {ended.errors}"
    return folder, time.time() - started


@dataclass
class Killed:
    """A command in a folder of its own, that is killed before it may end."""

    case: Case
    work: Work
    folder: Path
    n_kills: int = 0

    def by(self, rng: random.Random, *, within: float) -> str:
        """Kill the command once to three times; says how it ended if not as it may."""
        self.folder.mkdir(parents=True)
        for _ in range(rng.choice((1, 1, 2, 3))):
            with works.cache_in(self.folder):
                process = start(self.work.arguments(self.folder), self.case.logs)
            time.sleep(rng.uniform(0.0, within))
            number = rng.choice(SIGNALS)
            with suppress(ProcessLookupError):
                os.kill(process, number)  # the command alone: the processes that it started must notice
            ended = finish(process, self.case.logs)
            self.n_kills += 1
            if ended.code not in (-signal.SIGKILL, -number) and ended.broke:  # early on it is not yet ready for others
                return f"after {number.name}: {ended.broke}"
        return ""

    def problem(self, whole: dict[str, bytes]) -> str:
        """Let the command end, and compare what it leaves with what an undisturbed one leaves."""
        with works.cache_in(self.folder):
            ended = command(self.work.arguments(self.folder), self.case.logs)
        left, made = [str(path) for path in self.folder.rglob("*.tmp")], works.result(self.folder)
        orphans = processes_of(self.folder)
        if _is_there_already(self.work, ended):  # it was whole when it was killed
            made = works.result(self.folder)
        elif ended.code != 0:
            return f"it does not go on: status {ended.code}: {ended.errors[-400:]}"
        if left or orphans:
            return f"left behind: {left[:3]} {orphans[:3]}"
        if self.work.is_same:
            return f"other {other[:5]}" if (other := works.differing(whole, made)) else ""
        lacking = sorted(whole.keys() - made.keys())
        return f"lacks {lacking[:5]}" if lacking else ""


def _is_there_already(work: Work, ended: Ended) -> bool:
    """Say whether a command that writes a dataset once refuses to write it again."""
    return work.name.startswith("data ") and ended.code == 2 and "already holds a dataset" in ended.errors


def _kill_pages(case: Case, row: Row, rng: random.Random, n_kills: int) -> None:
    """Kill a review while somebody judges: every verdict that was answered is there afterwards, in its order."""
    mined = case.place / "mined"
    while row.tries < n_kills:
        folder, given = case.place / "killed" / "review", list[tuple[int, str]]()
        folder.mkdir(parents=True)
        typed = ["review", str(mined), "--database", f"{folder}/v.sqlite", "--reviewer", "anna", "--json"]
        problem = ""
        for _ in range(rng.choice((1, 2, 3))):
            process = start(typed, case.logs)
            said_of_it = _judge_until_killed(case, process, given, rng)
            problem = problem or said_of_it
            row.tries += 1
        ended = command(works.review(mined, folder), case.logs)
        problem = problem or _lost(folder, given, ended)
        row.losses += [f"review: {problem}"] if problem else []
        shutil.rmtree(case.place / "killed", ignore_errors=True)
    row.untouched = row.tries - len(row.losses)


def _judge_until_killed(case: Case, process: int, given: list[tuple[int, str]], rng: random.Random) -> str:
    """Give verdicts as fast as they are taken, kill the page at a moment, and note down what it answered."""
    out, deadline = Path(f"{case.logs}.out"), time.time() + 60
    while "\n" not in (text := out.read_text() if out.exists() else "") and time.time() < deadline:
        time.sleep(0.01)
    address = json.loads(text)["address"].partition("?")[0]
    until, number = time.time() + rng.uniform(0.0, 0.5), rng.choice(SIGNALS)
    pair = _ask(address, "next", {})
    while time.time() < until and pair is not None:
        verdict = rng.choice(("answer", "not_answer", "unsure"))
        shown = _ask(address, "verdict", {"pair": pair, "verdict": verdict})
        given.append((pair, verdict))
        pair = shown
    os.kill(process, number)
    ended = finish(process, case.logs)
    return f"after {number.name}: {ended.broke}" if ended.code not in (-9, -number) and ended.broke else ""


def _ask(address: str, path: str, body: dict[str, object]) -> int | None:
    request = Request(
        address + path, json.dumps({"reviewer": "anna", **body}).encode(), {"Content-Type": "application/json"}
    )
    with suppress(URLError), urlopen(request, timeout=60) as answer:
        pair = json.loads(answer.read())["pair"]
        return None if pair is None else int(pair["pair"])
    return None


def _lost(folder: Path, given: list[tuple[int, str]], ended: Ended) -> str:
    if ended.code != 0:
        return f"it does not go on: {ended.errors[-400:]}"
    rows = [json.loads(line) for line in (folder / "v.jsonl").read_text().splitlines()]
    said = {"answer": "yes", "not_answer": "no", "unsure": ""}
    if len(rows) != len(given) or [row["answer"] for row in rows] != [said[each] for _, each in sorted(given)]:
        return f"{len(given)} verdicts were answered, and {len(rows)} are there"
    left = [str(path) for path in folder.rglob("*.tmp")]
    return f"left behind: {left[:3]}" if left else ""


def processes_of(folder: Path) -> list[str]:
    """List the processes that name a folder, some seconds after the command has ended."""
    lines: list[str] = []
    for _ in range(20):
        lines = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                name = (place / "comm").read_text().strip()
            except OSError:
                continue
            if _works_in(place, folder):
                lines.append(f"{name} {place.name}")
        if not lines:
            break
        time.sleep(0.2)
    return lines


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return any(str(folder) in os.readlink(each) for each in (process / "fd").iterdir())
    except OSError:
        return False
