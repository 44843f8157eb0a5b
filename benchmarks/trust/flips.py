"""One bit of one file changes by itself, and a command that reads the file is called again."""

import random
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import kills
from case import Case, contents, restore
from forked import Ended, command

from hardneg.checksums import SUMS
from hardneg.runs.done import damage_below
from rows import Row

_SHARE = 0.015  # of the flips that go through a whole command; all others are looked for by checksums alone


@dataclass(frozen=True)
class Target:
    """A folder whose files are damaged, a command that reads them, and where its result is."""

    command: str
    damaged: Path
    arguments: list[str]
    out: Path
    is_made_anew: bool = False  # whether the result is removed before


def targets(case: Case) -> Iterator[Target]:
    """Make a folder with each command."""
    mined, trained, run, other = (case.place / name for name in ("mined", "trained", "run", "other"))
    sizes = ["--set", "batch_size=4", "--set", "epochs=2", "--set", "precision=fp32", "--quiet"]
    train = ["train", "--negatives", str(mined), "--model", str(case.model), "-o", str(trained), *sizes]
    whole = ["run", str(kills.write_recipe(case, "sync")), "-o", str(run), "--quiet"]
    scored = ["score", str(mined), "--scorer", f"bi_encoder(model='{case.model}')", "--quiet"]
    for arguments in (case.mine(mined), train, whole, [*scored, "-o", str(case.place / "once" / "s.parquet")]):
        case.run(*arguments)
    cache = case.place / "cache"
    yield Target("mine", mined, case.mine(mined), mined)
    yield Target("export", mined, ["export", str(mined), "-o", str(other / "e.jsonl"), "--quiet"], other, True)
    yield Target("train", trained, train, trained)
    yield Target("run", run, whole, run)
    yield Target("mine, by its cache", cache, case.mine(other), other, True)
    yield Target("score, by its cache", cache, [*scored, "-o", str(other / "s.parquet")], other, True)


def rows(case: Case, *, tries: int, seed: int, commands: Sequence[str] = ()) -> Iterator[Row]:
    """Flip so many bits in all, as evenly over the files as they are many."""
    made = [each for each in targets(case) if not commands or each.command in commands]
    for target in made:
        yield _through(case, target, max(2, round(tries * _SHARE / len(made))), seed)
    if not commands:
        for target in made:
            if not target.is_made_anew:
                yield _looked_for(target, round(tries * (1 - _SHARE) / 3), seed)


def _through(case: Case, target: Target, tries: int, seed: int) -> Row:
    """Call the command on damaged files."""
    row, rng, started = Row("a flipped bit", target.command), random.Random(f"{seed} {target.command}"), time.time()
    _again(case, target)
    files, whole = contents(target.damaged), kills.result(target.out)
    names = [name for name, content in files.items() if content and ".status" not in name and ".lock" not in name]
    rng.shuffle(names)
    for number in range(tries):
        path = target.damaged / names[number % len(names)]
        path.write_bytes(flipped(files[names[number % len(names)]], rng))
        ended = _again(case, target)
        _count(ended, path, whole, kills.result(target.out), row)
        restore(target.damaged, files)
    row.seconds = round(time.time() - started, 1)
    return row


def _looked_for(target: Target, tries: int, seed: int) -> Row:
    """Compare damaged files with their checksums, which every reader does before it reads."""
    row, rng = Row("a flipped bit, by checksum", target.command), random.Random(f"{seed} sums {target.command}")
    started, files = time.time(), contents(target.damaged)
    kept_apart = (".status", ".lock", ".writer")
    names = [name for name, content in files.items() if content and not any(each in name for each in kept_apart)]
    for number in range(tries):
        name = names[number % len(names)]
        path = target.damaged / name
        path.write_bytes(flipped(files[name], rng))
        noticed = damage_below(target.damaged)
        row.tries += 1
        if path.name == SUMS or path.suffix == ".md":  # a list accuses no file; a card is read by people alone
            row.untouched += 1
            row.losses += [f"{path}: accused {noticed}"] if noticed else []
        elif path in noticed and all(each.samefile(path) for each in noticed):  # a link shares its bytes
            row.told += 1
        else:
            row.losses.append(f"{path}: noticed {noticed}")
        path.write_bytes(files[name])
    row.seconds = round(time.time() - started, 1)
    return row


def flipped(content: bytes, rng: random.Random) -> bytes:
    """Change one bit."""
    at = rng.randrange(8 * len(content))
    changed = bytearray(content)
    changed[at // 8] ^= 1 << at % 8
    return bytes(changed)


def _again(case: Case, target: Target) -> Ended:
    if target.is_made_anew:
        shutil.rmtree(target.out, ignore_errors=True)
        target.out.mkdir()
    return command(target.arguments, case.logs)


def _count(ended: Ended, path: Path, whole: Mapping[str, bytes], made: Mapping[str, bytes], row: Row) -> None:
    row.tries += 1
    differing = [name for name in sorted(whole | made) if whole.get(name) != made.get(name)]
    if ended.broke:
        row.losses.append(f"{path}: {ended.broke}")
    elif ended.code in (0, 1) and differing:
        row.losses.append(f"{path}: other {', '.join(differing[:5])} without a word")
    elif ended.code in (0, 1) and path.name in ended.errors:
        row.mended += 1
    elif ended.code in (0, 1):
        row.untouched += 1
    elif path.name in ended.errors:
        row.told += 1
    else:
        row.losses.append(f"{path}: the message does not name it: {ended.errors[-300:]}")
