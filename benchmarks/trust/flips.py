"""One bit of one file changes by itself, and the command that wrote the folder is called again."""

import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from case import Case, contents, restore
from forked import Ended, command

from rows import Row


@dataclass(frozen=True)
class Target:
    """A folder, what made it, and the files of it that are a result."""

    command: str
    folder: Path
    arguments: list[str]
    left_out: tuple[str, ...] = ()  # names of files that differ from call to call


def targets(case: Case) -> Iterator[Target]:
    """Make a folder with each command."""
    mined = case.place / "mined"
    case.run(*case.mine(mined))
    yield Target("mine", mined, case.mine(mined))


def flipped(content: bytes, rng: random.Random) -> bytes:
    """Change one bit."""
    at = rng.randrange(8 * len(content))
    changed = bytearray(content)
    changed[at // 8] ^= 1 << at % 8
    return bytes(changed)


def outcome(ended: Ended, path: Path, before: Mapping[str, bytes], after: Mapping[str, bytes], row: Row) -> None:
    """Count what a try came to."""
    differing = [name for name in sorted(before | after) if before.get(name) != after.get(name)]
    if ended.broke:
        row.losses.append(f"{path}: {ended.broke}")
    elif ended.code in (0, 1):
        if differing:
            row.losses.append(f"{path}: other {', '.join(differing[:5])} without a word")
        elif str(path) in ended.errors:
            row.mended += 1
        else:
            row.untouched += 1
    elif str(path) in ended.errors or path.name in ended.errors:
        row.told += 1
    else:
        row.losses.append(f"{path}: the message does not name it: {ended.errors[-300:]}")


def result(target: Target, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Leave out what is no result: times, locks, checksums of files that have times."""
    return {
        name: content
        for name, content in files.items()
        if not any(part.startswith(".") for part in Path(name).parts) and Path(name).name not in target.left_out
    }


def rows(case: Case, *, tries: int, seed: int) -> Iterator[Row]:
    """Flip so many bits in all, as evenly over the files of all targets as they are many."""
    made = [(target, contents(target.folder)) for target in targets(case)]
    for target, files in made:
        row, rng, started = Row("a flipped bit", target.command), random.Random(f"{seed} {target.command}"), time.time()
        names = [name for name, content in files.items() if content and ".status" not in name]
        for number in range(tries // len(made)):
            name = names[number % len(names)]
            path = target.folder / name
            path.write_bytes(flipped(files[name], rng))
            ended = command(target.arguments, case.logs)
            outcome(ended, path, result(target, files), result(target, contents(target.folder)), row)
            restore(target.folder, files)
            row.tries += 1
        row.seconds = round(time.time() - started, 1)
        yield row
