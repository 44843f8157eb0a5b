"""A command is killed at a moment drawn at random, and called again: what it leaves must be what it would have left."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from case import Case, contents
from forked import command, finish, start

from rows import Row

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_TIMES = ("manifest.json", "training.json", "loss.jsonl", "refresh.jsonl", "report.html", "ladder.json", "plan.json")
_TIMES += (
    "fit.json",
    "draft.json",
    "report.json",
    "comparison.json",
    "miner.log",
    "README.md",
    "watch.jsonl",
    "s.json",
)
_LEFT_OUT = ("tasks", "cache", "refresh", "speeds")


@dataclass(frozen=True)
class Work:
    """A command, and the folder that it writes into."""

    name: str
    arguments: Callable[[Path], list[str]]
    share: float  # of all kills
    is_same: bool = True  # whether it ends with the same bytes whenever it is stopped


def works(case: Case) -> Iterator[Work]:
    """List the commands."""
    mined = case.place / "mined"
    case.run(*case.mine(mined))
    sizes = ["--set", "batch_size=4", "--set", "epochs=4", "--set", "checkpoint_every=2", "--set", "precision=fp32"]
    trained = ["train", "--negatives", str(mined), "--model", str(case.model), "--quiet", *sizes]
    recipes = {mode: write_recipe(case, mode) for mode in ("sync", "async")}
    scorer = f"bi_encoder(model='{case.model}')"
    yield Work("mine", case.mine, 0.24)
    yield Work("train", lambda out: [*trained, "-o", str(out)], 0.2)
    yield Work("run, refreshed", lambda out: ["run", str(recipes["sync"]), "-o", str(out), "--quiet"], 0.1)
    yield Work(
        "run, refreshed async", lambda out: ["run", str(recipes["async"]), "-o", str(out), "--quiet"], 0.03, False
    )
    yield Work(
        "score", lambda out: ["score", str(mined), "--scorer", scorer, "-o", f"{out}/s.parquet", "--quiet"], 0.16
    )
    yield Work("export", lambda out: ["export", str(mined), "-o", f"{out}/e.jsonl", "--quiet"], 0.13)
    yield Work("review", lambda out: _review(mined, out), 0.1)
    yield Work("ladder", lambda out: _ladder(case, out), 0.01)
    yield Work("fit", lambda out: _fit(case, out), 0.01, False)


def write_recipe(case: Case, mode: str) -> Path:
    """Write a recipe whose negatives are mined again while it trains."""
    path = case.place / f"{mode}.toml"
    path.write_text(
        f'dataset = "{case.data}"\nmodel = "{case.model}"\n[[sources]]\nuse = "dense"\nprecision = "fp32"\n'
        "[mine]\ndepth = 8\nblock_size = 8\n[select]\nper_query = 2\n"
        '[train]\nbatch_size = 4\nepochs = 4\nprecision = "fp32"\ncheckpoint_every = 2\n'
        f'[train.refresh]\nevery = 1\nmode = "{mode}"\n[evaluate]\nrows = ["zero_shot"]\ndepth = 10\n'
    )
    return path


def _ladder(case: Case, out: Path) -> list[str]:
    sizes = ["--seeds", "1", "--budget-steps", "4", "--yes", "--quiet", "--rung", "zero_shot", "--rung", "in_batch"]
    return ["ladder", str(case.data), "-o", str(out), "--model", str(case.model), *sizes]


def _fit(case: Case, out: Path) -> list[str]:
    sizes = ["--steps", "4", "--strategy", "in_batch", "--strategy", "mined_many", "--quiet"]
    return ["fit", str(case.data), "-o", str(out), "--model", str(case.model), *sizes]


def _review(mined: Path, out: Path) -> list[str]:
    return ["review", str(mined), "--database", f"{out}/v.sqlite", "--export", f"{out}/v.csv", "--json"]


def result(folder: Path) -> dict[str, bytes]:
    """What a folder holds but for times and what is on its way."""
    return {
        name: content
        for name, content in contents(folder).items()
        if Path(name).name not in _TIMES
        and not any(part.startswith(".") or part in _LEFT_OUT for part in Path(name).parts)
        and ".sqlite" not in name
    }


def rows(case: Case, *, tries: int, seed: int, commands: Sequence[str] = ()) -> Iterator[Row]:
    """Kill each command so many times, and call it again, now and then killing it again."""
    for work in works(case):
        if commands and work.name not in commands:
            continue
        row, rng, began = Row("a kill", work.name), random.Random(f"{seed} {work.name}"), time.time()
        whole, whole_s = _whole(case, work)
        while row.tries < max(1, tries * work.share):
            killed = Killed(case, work, case.place / "killed" / str(row.tries))
            problem = killed.by(rng, within=whole_s) or killed.problem(result(whole))
            row.tries += killed.n_kills
            row.untouched += 0 if problem else killed.n_kills
            row.losses += [f"{work.name}: {problem}"] if problem else []
            shutil.rmtree(case.place / "killed", ignore_errors=True)
        row.seconds = round(time.time() - began, 1)
        yield row


def _whole(case: Case, work: Work) -> tuple[Path, float]:
    """Run a command undisturbed, with a cache of its own; what it gives, and how long it takes."""
    folder = case.place / "whole" / work.name.replace(" ", "-")
    folder.mkdir(parents=True)
    with cache_in(folder):
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
            with cache_in(self.folder):
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
        with cache_in(self.folder):
            ended = command(self.work.arguments(self.folder), self.case.logs)
        left, made = [str(path) for path in self.folder.rglob("*.tmp")], result(self.folder)
        orphans = processes_of(self.folder)
        if ended.code != 0:
            return f"it does not go on: status {ended.code}: {ended.errors[-400:]}"
        if left or orphans:
            return f"left behind: {left[:3]} {orphans[:3]}"
        if self.work.is_same:
            return f"other {differing[:5]}" if (differing := _differing(whole, made)) else ""
        lacking = sorted(whole.keys() - made.keys())
        return f"lacks {lacking[:5]}" if lacking else ""


def _differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return [name for name in sorted(one | other) if one.get(name) != other.get(name)]


def processes_of(folder: Path) -> list[str]:
    """List the processes that name a folder, a second after the command has ended."""
    lines: list[str] = []
    for _ in range(20):
        lines = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                text = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if "hardneg." in text and _works_in(place, folder):
                lines.append(text[:80])
        if not lines:
            break
        time.sleep(0.2)
    return lines


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return any(str(folder) in os.readlink(each) for each in (process / "fd").iterdir())
    except OSError:
        return False


class cache_in:  # noqa: N801 - a context
    """Keep the cache in a folder, so that it is what the command left there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        self.before = os.environ["HARDNEG_CACHE"]
        os.environ["HARDNEG_CACHE"] = str(self.folder / "cache")

    def __exit__(self, *_: object) -> None:
        os.environ["HARDNEG_CACHE"] = self.before
