"""Full disks, missing rights, too little memory, too few files, a clock that jumps: the command ends with one message.

Called again when the fault is gone, it gives the undisturbed result, and nothing that was there before is lost. File
systems are made by `mount`, so this needs root.
"""

import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import kills
from case import Case
from forked import Ended, command

from rows import Row

_NOBODY = 65_534


def rows(case: Case, *, tries: int, seed: int, commands: Sequence[str] = ()) -> Iterator[Row]:
    """Try every fault under mining, training and a run; of the full disk and of the limits several sizes."""
    works = [work for work in kills.works(case) if work.name in (commands or ("mine", "train", "run, refreshed"))]
    faults = {
        "a full disk": full_disk,
        "a full disk for the cache": full_cache,
        "a read-only disk": read_only,
        "a folder of somebody else": no_right,
        "a cache that cannot be made": no_cache,
        "a cache on another disk": other_cache,
        "too little memory (ulimit -v)": little_memory,
        "too few files (ulimit -n)": few_files,
        "a clock that jumps by years": jumping_clock,
    }
    for work in works:
        whole = kills.result(_plain(case, work))
        for name, fault in faults.items():
            row, rng, started = Row(name, work.name), random.Random(f"{seed} {name} {work.name}"), time.time()
            for number in range(max(1, tries // (len(faults) * len(works)))):
                folder = case.place / "faulty" / str(number)
                _try(case, work, folder, whole, fault, row, rng)
            row.seconds = round(time.time() - started, 1)
            yield row


def _plain(case: Case, work: kills.Work) -> Path:
    folder = case.place / "plain" / work.name.replace(" ", "-")
    folder.mkdir(parents=True)
    with kills.cache_in(folder):
        ended = command(work.arguments(folder), case.logs)
    assert ended.code == 0, ended.errors
    return folder


def _try(  # noqa: PLR0917 - what a try is made of
    case: Case,
    work: kills.Work,
    folder: Path,
    whole: dict[str, bytes],
    fault: "Callable[..., object]",
    row: Row,
    rng: random.Random,
) -> None:
    folder.mkdir(parents=True)
    try:
        with kills.cache_in(folder):
            ended = fault(case, work, folder, rng)
            row.tries += 1
            said = [line for line in ended.errors.splitlines() if line.startswith("hardneg: ")]
            if ended.code in (-signal.SIGABRT, 127) and _gave_up(ended.errors):
                row.told += 1
            elif ended.broke:
                row.losses.append(f"{work.name}: {ended.broke}")
            elif ended.code == 0:
                row.untouched += 1
            elif ended.code in (2, 3) and len(said) == 1:
                row.told += 1
            else:
                row.losses.append(f"{work.name}: status {ended.code}: {ended.errors[-400:]}")
            again = command(work.arguments(folder), case.logs)
        made = kills.result(folder)
        if again.code != 0:
            row.losses.append(f"{work.name}: it does not go on: {again.errors[-400:]}")
        elif differing := [name for name in sorted(whole | made) if whole.get(name) != made.get(name)]:
            row.losses.append(f"{work.name}: other {differing[:5]}")
        elif left := [str(path) for path in folder.rglob("*.tmp")]:
            row.losses.append(f"{work.name}: left behind {left[:5]}")
    finally:
        with suppress(OSError):
            subprocess.run(["umount", "-l", str(folder)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


def _gave_up(errors: str) -> bool:
    """Say whether a library's own allocator ended the process, in its own words: nothing of Python can then."""
    return any(
        words in errors
        for words in (
            "std::bad_alloc",
            "memory allocation of",
            "cannot allocate memory for thread-local data",
            "LLVM ERROR: out of memory",
        )
    )


def full_disk(case: Case, work: kills.Work, folder: Path, rng: random.Random) -> Ended:
    """Write to a disk of a few kilobytes, which is then made larger."""
    mount(folder, rng.randrange(8, 700))
    ended = command(work.arguments(folder), case.logs)
    mount(folder, 200_000, again=True)
    return ended


def full_cache(case: Case, work: kills.Work, folder: Path, rng: random.Random) -> Ended:
    """Have a cache on a disk of a few kilobytes."""
    place = case.place / "small"
    place.mkdir(exist_ok=True)
    mount(place, rng.randrange(4, 64))
    os.environ["HARDNEG_CACHE"] = str(place / "cache")
    ended = command(work.arguments(folder), case.logs)
    os.environ["HARDNEG_CACHE"] = str(folder / "cache")
    subprocess.run(["umount", "-l", str(place)], check=True)
    return ended


def read_only(case: Case, work: kills.Work, folder: Path, rng: random.Random) -> Ended:  # noqa: ARG001
    """Write to a disk that cannot be written to."""
    mount(folder, 100_000)
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    ended = command(work.arguments(folder), case.logs)
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
    return ended


def no_right(case: Case, work: kills.Work, folder: Path, rng: random.Random) -> Ended:  # noqa: ARG001
    """Write into a folder of root as nobody."""
    os.chmod(folder, 0o755)

    def become() -> None:
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)

    return command(work.arguments(folder), case.logs, before=become)


def no_cache(case: Case, work: kills.Work, folder: Path, rng: random.Random) -> Ended:  # noqa: ARG001
    """Have a cache folder that would lie in a file."""
    file = case.place / "file"
    file.touch()
    os.environ["HARDNEG_CACHE"] = str(file / "cache")
    ended = command(work.arguments(folder), case.logs)
    os.environ["HARDNEG_CACHE"] = str(folder / "cache")
    return ended


def other_cache(case: Case, work: kills.Work, folder: Path, rng: random.Random) -> Ended:  # noqa: ARG001
    """Have a cache on another file system than the folder."""
    with tempfile_on("/dev/shm") as place:
        os.environ["HARDNEG_CACHE"] = str(place)
        ended = command(work.arguments(folder), case.logs)
        os.environ["HARDNEG_CACHE"] = str(folder / "cache")
    return ended


def little_memory(case: Case, work: kills.Work, folder: Path, rng: random.Random) -> Ended:
    """Give a command that has begun less address space than it may want."""
    before = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = before + rng.randrange(64, 400) * 2**20

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    return command(work.arguments(folder), case.logs, before=bound)


def few_files(case: Case, work: kills.Work, folder: Path, rng: random.Random) -> Ended:
    """Let a command open a few files only."""
    limit = rng.randrange(8, 40)

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    return command(work.arguments(folder), case.logs, before=bound)


def jumping_clock(case: Case, work: kills.Work, folder: Path, rng: random.Random) -> Ended:
    """Set the clock that a command reads back and forth by years."""
    real, jumps = time.time, random.Random(rng.random())

    def jump() -> None:
        time.time = lambda: real() + jumps.uniform(-1e8, 1e8)

    return command(work.arguments(folder), case.logs, before=jump)


def mount(folder: Path, kilobytes: int, *, again: bool = False) -> None:
    """Put a file system in memory at a folder, or change its size."""
    options = f"{'remount,' if again else ''}size={kilobytes}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)


@contextmanager
def tempfile_on(place: str) -> Iterator[Path]:
    """Give a folder on another file system."""
    folder = Path(place) / f"hardneg-trust-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
