"""Full disks, missing rights, too little memory, too few files, a clock that jumps: the command ends with one message.

Called again when the fault is gone, it gives the undisturbed result, and nothing that was there before is lost. File
systems are made by `mount`, and limits of memory by a control group, so this needs root.
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
from dataclasses import dataclass
from pathlib import Path

import works
from case import Case
from forked import Ended, command
from works import Work

from rows import Row

_NOBODY = 65_534
_FAST, _SLOW = ("mine", "train", "run, refreshed", "score", "encode", "export", "teacher train"), ("ladder", "fit")
_WARNED = "of address space (ulimit -v); if it ends without a word"
_GROUPS = Path("/sys/fs/cgroup/memory")


def rows(
    case: Case, *, tries: int, seed: int, commands: Sequence[str], done: Sequence[Row], short: bool
) -> Iterator[Row]:
    """Try every fault under every command that writes a folder; of the slow ones once, of the others twice and more."""
    every, known = works.works(case), {(row.fault, row.command) for row in done}
    chosen = commands or (("mine",) if short else (*_FAST, *_SLOW))
    each = max(1, round(tries / (len(_FAULTS) * (len(_FAST) + len(_SLOW) / 2))))
    for name in chosen:
        work, whole = every[name], dict[str, bytes]()
        for fault, disturb in _FAULTS.items():
            if (fault, name) in known or (disturb is small_group and not _GROUPS.is_dir()):
                continue
            whole = whole or works.result(_plain(case, work))
            row, rng, started = Row(fault, name), random.Random(f"{seed} {fault} {name}"), time.time()
            for number in range(1 if short else max(1, each // 2) if name in _SLOW else each):
                _try(Disturbed(case, work, case.place / "faulty" / str(number), rng), disturb, whole, row)
            row.seconds = round(time.time() - started, 1)
            yield row


@dataclass(frozen=True)
class Disturbed:
    """A command in a folder of its own, under a fault whose size is drawn."""

    case: Case
    work: Work
    folder: Path
    rng: random.Random

    def call(self, before: Callable[[], object] | None = None) -> Ended:
        """Run the command."""
        return command(self.work.arguments(self.folder), self.case.logs, before=before)


def _plain(case: Case, work: Work) -> Path:
    folder = case.place / "plain" / work.name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    with works.cache_in(folder):
        ended = command(work.arguments(folder), case.logs)
    assert ended.code == 0, ended.errors
    return folder


def _try(disturbed: Disturbed, disturb: Callable[[Disturbed], Ended], whole: dict[str, bytes], row: Row) -> None:
    folder, name = disturbed.folder, disturbed.work.name
    folder.mkdir(parents=True)
    try:
        with works.cache_in(folder):
            ended = disturb(disturbed)
            again = disturbed.call()
        made = works.result(folder)
        outcome, problem = _outcome(ended, name)
        if again.code != 0:
            problem = problem or f"{name}: it does not go on: {again.errors[-400:]}"
        elif other := works.differing(whole, made) if disturbed.work.is_same else sorted(whole.keys() - made.keys()):
            problem = problem or f"{name}: other {other[:5]}"
        elif left := [str(path) for path in folder.rglob("*.tmp")]:
            problem = problem or f"{name}: left behind {left[:5]}"
        row.count(outcome, problem)
    finally:
        with suppress(OSError):
            subprocess.run(["umount", "-l", str(folder)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


def _outcome(ended: Ended, name: str) -> tuple[str, str]:
    """Say how a disturbed command ended, and what is wrong with that."""
    messages = [line for line in ended.errors.splitlines() if line.startswith("hardneg: ") and _WARNED not in line]
    if ended.code in (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGKILL, 127) and _gave_up(ended):
        return "told", ""
    is_told = ended.code in (2, 3) and len(messages) == 1
    is_told |= ended.code == 1 and ended.output.count(" failed: ") > 0  # of a ladder, whose other rungs go on
    if ended.broke and (not is_told or "Traceback" in ended.errors):  # polars prints its own panic before our message
        return "told", f"{name}: {ended.broke}"
    if ended.code == 0:
        return "untouched", ""
    return "told", "" if is_told else f"{name}: status {ended.code}: {ended.errors[-400:]}"


def _gave_up(ended: Ended) -> bool:
    """Say whether the system, or a library's own allocator, ended the process: nothing of Python can then speak."""
    return (
        ended.code == -signal.SIGKILL
        or _WARNED in ended.errors
        or any(
            words in ended.errors
            for words in (
                "std::bad_alloc",
                "memory allocation of",
                "cannot allocate memory for thread-local data",
                "LLVM ERROR: out of memory",
            )
        )
    )


def full_disk(disturbed: Disturbed) -> Ended:
    """Write to a disk of a few kilobytes, which is then made larger."""
    mount(disturbed.folder, disturbed.rng.randrange(8, 700))
    ended = disturbed.call()
    mount(disturbed.folder, 200_000, again=True)
    return ended


def full_cache(disturbed: Disturbed) -> Ended:
    """Have a cache on a disk of a few kilobytes."""
    place = disturbed.case.place / "small"
    place.mkdir(exist_ok=True)
    mount(place, disturbed.rng.randrange(4, 64))
    try:
        with works.cache_in(place):
            return disturbed.call()
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def few_files_left(disturbed: Disturbed) -> Ended:
    """Write to a disk that holds a few files only, as a quota of them does."""
    mount(disturbed.folder, 200_000, options=f",nr_inodes={disturbed.rng.randrange(3, 40)}")
    ended = disturbed.call()
    mount(disturbed.folder, 200_000, again=True, options=",nr_inodes=100000")
    return ended


def read_only(disturbed: Disturbed) -> Ended:
    """Write to a disk that cannot be written to."""
    mount(disturbed.folder, 100_000)
    subprocess.run(["mount", "-o", "remount,ro", str(disturbed.folder)], check=True)
    ended = disturbed.call()
    subprocess.run(["mount", "-o", "remount,rw", str(disturbed.folder)], check=True)
    return ended


def no_right(disturbed: Disturbed) -> Ended:
    """Write into a folder of root as nobody."""
    os.chmod(disturbed.folder, 0o755)

    def become() -> None:
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)

    return disturbed.call(become)


def no_cache(disturbed: Disturbed) -> Ended:
    """Have a cache folder that would lie in a file."""
    file = disturbed.case.place / "file"
    file.touch()
    with works.cache_in(file):
        return disturbed.call()


def other_cache(disturbed: Disturbed) -> Ended:
    """Have a cache on another file system than the folder."""
    with _folder_on("/dev/shm") as place, works.cache_in(place):
        return disturbed.call()


def little_memory(disturbed: Disturbed) -> Ended:
    """Give a command that has begun less address space than it may want."""
    before = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = before + disturbed.rng.randrange(64, 400) * 2**20
    return disturbed.call(lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))


def small_group(disturbed: Disturbed) -> Ended:
    """Put a command into a control group with less memory than it may want; the system kills what takes more."""
    group = _GROUPS / f"hardneg-trust-{os.getpid()}"
    group.mkdir(exist_ok=True)
    (group / "memory.limit_in_bytes").write_text(str(disturbed.rng.randrange(10, 150) * 2**20))
    try:
        return disturbed.call(lambda: (group / "cgroup.procs").write_text(str(os.getpid())))
    finally:
        for _ in range(100):  # until its last process is gone
            with suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.1)


def few_files(disturbed: Disturbed) -> Ended:
    """Let a command open a few files only."""
    limit = disturbed.rng.randrange(8, 40)
    return disturbed.call(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))


def small_files(disturbed: Disturbed) -> Ended:
    """Let a command write files of a few kilobytes only."""
    limit = disturbed.rng.randrange(8, 300) * 2**10
    return disturbed.call(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))


def jumping_clock(disturbed: Disturbed) -> Ended:
    """Set the clock that a command reads back and forth by years."""
    real, jumps = time.time, random.Random(disturbed.rng.random())

    def jump() -> None:
        time.time = lambda: real() + jumps.uniform(-1e8, 1e8)

    return disturbed.call(jump)


_FAULTS: dict[str, Callable[[Disturbed], Ended]] = {
    "a full disk": full_disk,
    "a full disk for the cache": full_cache,
    "a disk full of files": few_files_left,
    "a read-only disk": read_only,
    "a folder of somebody else": no_right,
    "a cache that cannot be made": no_cache,
    "a cache on another disk": other_cache,
    "too little memory (ulimit -v)": little_memory,
    "too little memory (cgroup)": small_group,
    "too few files (ulimit -n)": few_files,
    "files that may not grow (ulimit -f)": small_files,
    "a clock that jumps by years": jumping_clock,
}


def mount(folder: Path, kilobytes: int, *, again: bool = False, options: str = "") -> None:
    """Put a file system in memory at a folder, or change its size."""
    size = f"{'remount,' if again else ''}size={kilobytes}k{options}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], check=True)


@contextmanager
def _folder_on(place: str) -> Iterator[Path]:
    """Give a folder on another file system."""
    folder = Path(place) / f"hardneg-trust-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
