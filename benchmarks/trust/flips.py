"""One bit of one file changes by itself, and what reads the file is called again.

Three ways, of which the first is the slowest and asks the most: whole commands on damaged folders and caches; the lists
of checksums, which every reader of a file asks before it reads; and the databases, read back row by row.
"""

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import works
from case import Case, contents
from forked import Ended, command, in_child

from rows import Row

_THROUGH, _ROWS = 0.05, 0.15  # shares of the flips that go through a whole command, and through a database
_UNREAD = ("race/", "development/", "finish/")  # of a finished fit: only `hardneg verify` looks at them again
_FILLING = ("score, by its cache", "score by an LLM")  # commands that leave databases in the cache
_OWN = (".status", ".lock", ".writer", "-wal", "-shm", ".log")  # of running commands, or for people alone


@dataclass(frozen=True)
class Target:
    """A folder whose files are damaged, a command that reads them, and where its result is."""

    command: str
    damaged: Path
    arguments: list[str]
    out: Path
    is_made_anew: bool = False  # whether the result is removed before
    is_listed: bool = False  # whether its files have checksums, and nobody else has asked for them


def targets(case: Case, judge: str) -> Iterator[Target]:
    """Make a folder with each command, and name what reads it."""
    every, other, cache, data = works.works(case), case.place / "other", case.place / "cache", str(case.data)
    again = ("mine", "train", "run, refreshed", "ladder", "fit", "teacher train", "score", "encode", "evaluate")
    made = {name: case.made(f"of-{name.split(',')[0].replace(' ', '-')}", every[name].arguments) for name in again}
    mined, teacher, encoded = case.place / "mined", made["teacher train"], made["encode"]

    def read(name: str, damaged: Path, *arguments: object, listed: bool = False) -> Target:
        typed = [str(each) for each in arguments]
        return Target(name, damaged, typed, other, is_made_anew=True, is_listed=listed)

    for name in again[:7]:
        yield Target(name, made[name], every[name].arguments(made[name]), made[name], is_listed=True)
    yield read("export", mined, "export", mined, "-o", other / "e.jsonl", "--quiet")
    for name in ("run, refreshed", "ladder", "fit"):
        yield read(f"report of a {name}", made[name], "report", made[name], "-o", other / "r.html", "--quiet")
    second = case.made("of-evaluate-again", every["evaluate"].arguments)
    yield read("compare", second, "compare", made["evaluate"], second, "-o", other, "--quiet", listed=True)
    model = made["fit"] / "model"
    yield read("evaluate a model", model, "evaluate", data, "--model", model, "-o", other, "--quiet")
    cross = f"cross_fitted(path='{teacher}')"
    yield read("score by a teacher", teacher, "score", mined, "--scorer", cross, "-o", other / "s.parquet", "--quiet")
    learn = ("train", "--negatives", mined, "--model", case.model, "--scores", made["score"] / "s.parquet")
    distil = works.settings("loss=margin_mse", "epochs=1")
    yield read("train on scores", made["score"], *learn, *distil, "-o", other, "--quiet")
    files = {f"{kind}_vectors": encoded / f"{kind}s.npy" for kind in ("document", "query")}
    files = {name: Path(str(path).replace("querys", "queries")) for name, path in files.items()}
    files |= {name.replace("vectors", "ids"): path.with_suffix(".ids.json") for name, path in files.items()}
    source = "vectors(" + ", ".join(f"{key}='{path}'" for key, path in files.items()) + ")"
    mine = ("mine", data, "-o", other, "--source", source, "--depth", "12", "--filter", "near_duplicate", "--quiet")
    yield read("mine with vectors", encoded, *mine, listed=True)
    reviewed = _reviewed(case, mined)
    yield read("review", reviewed, *works.review(mined, reviewed))
    vectors = cache / "vectors"
    yield Target("mine, by its cache", vectors, case.mine(other), other, is_made_anew=True, is_listed=True)
    cross = f"cross_encoder(model='{teacher / 'fold-0'}')"
    for name, by, kept in (("score, by its cache", cross, "scores"), ("score by an LLM", judge, "verdicts")):
        typed = ("score", mined, "--scorer", by, "-o", other / "s.parquet", "--yes", "--quiet")
        yield read(name, cache / kept, *typed)


def rows(
    case: Case, *, tries: int, seed: int, commands: Sequence[str], done: Sequence[Row], short: bool
) -> Iterator[Row]:
    """Flip so many bits in all, as evenly over the kinds of files as can be."""
    with _judge(case) as judge:
        made = [_mined_alone(case)] if short else list(targets(case, judge))
        made = [each for each in made if not commands or each.command in commands]
        listed = [each for each in made if each.is_listed]
        n_through, n_rows = max(2, round(tries * _THROUGH / len(made))), round(tries * _ROWS / len(_DATABASES))
        n_listed = -(-(tries - n_through * len(made) - n_rows * len(_DATABASES)) // max(1, len(listed)))
        jobs: list[tuple[str, str, Callable[[], Row]]] = []
        for each in listed:
            work = partial(_looked_for, each, n_listed, seed)
            jobs.append(("a flipped bit, by checksum", each.command, partial(_in_child, case, work)))
        for name in () if short or commands else _DATABASES:
            work = partial(_read_back, case, name, n_rows, seed)
            jobs.append(("a flipped bit, by row", name, partial(_in_child, case, work)))
        for each in made:
            jobs.append(("a flipped bit", each.command, partial(_through, case, each, n_through, seed)))
        known = {(row.fault, row.command) for row in done}
        jobs = [job for job in jobs if job[:2] not in known]
        if any(name in _DATABASES for _, name, _ in jobs):
            for each in made:
                if each.command in _FILLING:
                    _again(case, each)
        for _, _, job in jobs:
            yield job()


def _mined_alone(case: Case) -> Target:
    mined = case.made("mined", case.mine)
    return Target("mine", mined, case.mine(mined), mined, is_listed=True)


def _through(case: Case, target: Target, tries: int, seed: int) -> Row:
    """Call the command on damaged files."""
    row, rng, started = Row("a flipped bit", target.command), random.Random(f"{seed} {target.command}"), time.time()
    ended = _again(case, target)
    assert ended.code == 0, f"{target.command}: {ended.errors}"
    before = case.place / "before"
    _mirror(target.damaged, before)
    names, whole = _names(target.damaged), works.result(target.out)
    rng.shuffle(names)
    for _, name in zip(range(tries), works.by_kind(names), strict=False):
        path = target.damaged / name
        path.write_bytes(flipped(path.read_bytes(), rng))  # in its place: links share the damage
        ended = _again(case, target)
        _count(ended, path, whole, works.result(target.out), row, out=target.out)
        _mirror(before, target.damaged)
    shutil.rmtree(before)
    row.seconds = round(time.time() - started, 1)
    return row


def _looked_for(target: Target, tries: int, seed: int) -> dict[str, Any]:
    """Compare damaged files with their checksums, which every reader does before it reads."""
    from hardneg.checksums import SUMS
    from hardneg.runs.done import damage_below

    row, rng = Row("a flipped bit, by checksum", target.command), random.Random(f"{seed} sums {target.command}")
    started, files = time.time(), contents(target.damaged)
    names = [name for name in _names(target.damaged) if ".sqlite" not in name]
    gone = set(damage_below(target.damaged))  # blocks of vectors, which were joined
    for _, name in zip(range(tries), works.by_kind(names), strict=False):
        path = target.damaged / name
        path.write_bytes(flipped(files[name], rng))
        noticed = [each for each in damage_below(target.damaged) if each not in gone]
        if path.name == SUMS or path.suffix == ".md":  # a list accuses no file; a card is read by people alone
            row.count("untouched", f"{name}: accused {noticed}" if noticed else "")
        else:  # a link shares its bytes
            is_it = path in noticed and all(each.samefile(path) for each in noticed)
            row.count("told", "" if is_it else f"{name}: noticed {noticed}")
        path.write_bytes(files[name])
    row.seconds = round(time.time() - started, 1)
    return asdict(row)


def _read_back(case: Case, name: str, tries: int, seed: int) -> dict[str, Any]:
    """Read a damaged database: each row is what was written, or is missing and made anew, or all of it is refused."""
    from hardneg.errors import RunError

    path, read = _DATABASES[name](case)
    row, rng = Row("a flipped bit, by row", name), random.Random(f"{seed} rows {name}")
    started, content, whole = time.time(), path.read_bytes(), read()
    for _ in range(tries):
        path.write_bytes(flipped(content, rng))
        try:
            again = read()
            other = [key for key in again if again[key] != whole.get(key)]
            lacking = len(whole) - len(again)
            row.count("mended" if lacking else "untouched", f"{name}: {len(other)} other rows" if other else "")
        except RunError as error:
            row.count("told", "" if path.name in str(error) else f"{name}: {error}")
        except Exception as error:
            row.count("told", f"{name}: {type(error).__name__}: {error}")
        for left in path.parent.glob(f"{path.name}*"):
            left.unlink()
        path.write_bytes(content)
    row.seconds = round(time.time() - started, 1)
    return asdict(row)


def _scores(case: Case) -> tuple[Path, Callable[[], dict[Any, Any]]]:
    from hardneg.scoring.store import score_file

    path = max((case.place / "cache" / "scores").glob("*.sqlite"), key=lambda each: each.stat().st_size)
    keys = _keys(path, "sealed")

    def read() -> dict[Any, Any]:
        with score_file(path) as file:
            return file.read(keys)

    return path, read


def _verdicts(case: Case) -> tuple[Path, Callable[[], dict[Any, Any]]]:
    from hardneg.scoring.llm.cache import verdict_file

    path = case.place / "cache" / "verdicts" / "verdicts.sqlite"
    keys = _keys(path, "verdicts")

    def read() -> dict[Any, Any]:
        with verdict_file(path) as file:
            return file.read(keys)

    return path, read


def _votes(case: Case) -> tuple[Path, Callable[[], dict[Any, Any]]]:
    from hardneg.audits.verdict_store import opened

    path = case.place / "reviewed" / "v.sqlite"

    def read() -> dict[Any, Any]:
        with opened(path) as store:
            return {"votes": store.votes().rows(), "pairs": store.pairs().rows(), "begun": store.begun()}

    return path, read


_DATABASES: dict[str, Callable[[Case], tuple[Path, Callable[[], dict[Any, Any]]]]] = {
    "scores in the cache": _scores,
    "verdicts of an LLM": _verdicts,
    "verdicts of people": _votes,
}


def _keys(path: Path, table: str) -> list[bytes]:
    import sqlite3

    with sqlite3.connect(path) as connection:
        return [key for (key,) in connection.execute(f"SELECT pair FROM {table} ORDER BY pair")]


def _in_child(case: Case, work: Callable[[], dict[str, Any]]) -> Row:
    return Row(**in_child(work, case.logs))


def _reviewed(case: Case, mined: Path) -> Path:
    """A review with some verdicts."""
    place = case.made("reviewed", lambda out: works.review(mined, out))

    def judge() -> None:
        from hardneg.audits.verdict_store import opened

        with opened(place / "v.sqlite") as store:
            for pair in range(min(20, store.pairs().height)):
                store.record(pair, "anna", ("answer", "not_answer", "unsure")[pair % 3])

    in_child(judge, case.logs)
    return place


@contextmanager
def _judge(case: Case) -> Iterator[str]:
    """Run a judge on this machine, in a process of its own; gives the scorer that asks it."""
    from local_llm_server import KEY, serving, verdict

    os.environ |= {"OPENAI_API_KEY": KEY, "NO_PROXY": "127.0.0.1"}
    address, me = case.place / "address", os.getpid()
    process = os.fork()
    if not process:
        with serving(lambda asked: verdict("yes" if len(asked.text("document")) % 3 else "no")) as server:
            address.with_suffix(".tmp").write_text(server.base_url)
            address.with_suffix(".tmp").rename(address)
            while os.getppid() == me:
                time.sleep(0.5)
        os._exit(0)
    try:
        while not address.exists():
            time.sleep(0.01)
        yield f"llm_judge(base_url='{address.read_text()}', model='test', backoff_s=0.001)"
    finally:
        os.kill(process, 9)
        os.waitpid(process, 0)
        address.unlink()


def flipped(content: bytes, rng: random.Random) -> bytes:
    """Change one bit."""
    at = rng.randrange(8 * len(content))
    changed = bytearray(content)
    changed[at // 8] ^= 1 << at % 8
    return bytes(changed)


def _names(folder: Path) -> list[str]:
    return [name for name, content in contents(folder).items() if content and not any(each in name for each in _OWN)]


def _mirror(source: Path, target: Path) -> None:
    """Make a folder hold just what another holds, with links as it has them."""
    shutil.rmtree(target, ignore_errors=True)
    first: dict[int, Path] = {}
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            inode = path.stat().st_ino
            with suppress(KeyError):
                os.link(first[inode], place)
                continue
            shutil.copy2(path, place)
            first[inode] = place


def _again(case: Case, target: Target) -> Ended:
    if target.is_made_anew:
        shutil.rmtree(target.out, ignore_errors=True)
        target.out.mkdir()
    return command(target.arguments, case.logs)


def _is_unread(damaged: Path, name: str, out: Path) -> bool:
    """Say whether a file is the damaged one or a link to it, kept by a finished fit that reads it no more."""
    return name.startswith(_UNREAD) and damaged.exists() and (out / name).samefile(damaged)


def _count(
    ended: Ended, path: Path, whole: Mapping[str, bytes], made: Mapping[str, bytes], row: Row, *, out: Path
) -> None:
    other = [name for name in works.differing(dict(whole), dict(made)) if not _is_unread(path, name, out)]
    if ended.broke:
        row.count("told", f"{path}: {ended.broke}")
    elif ended.code in (0, 1):
        is_named = path.name in ended.errors or path.parent.name in ended.errors
        row.count("mended" if is_named else "untouched", f"{path}: other {', '.join(other[:5])}" if other else "")
    else:
        is_named = path.name in ended.errors
        row.count("told", "" if is_named else f"{path}: the message does not name it: {ended.errors[-300:]}")
