"""Faults under every command, and what is lost by them: nothing, or a row says what.

    python benchmarks/trust/trust.py [--short] [--only flips] [--seed 0] [--place FOLDER]

Each module of this folder with a `rows` is one kind of fault; its rows are kept in `results/` as they come, so that the
same command goes on where it was stopped, and the table of all of them is in `README.md`. `--short` tries little and
keeps nothing, for CI.
"""

import argparse
import hashlib
import importlib
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "tests")]

import forked  # noqa: E402
import zygote  # noqa: E402
from case import Case, write_data  # noqa: E402

from rows import Row, keep, kept, write_readme  # noqa: E402

# Name of the module, tries in full, tries in short.
MODULES = {"flips": (10_000, 64), "kills": (210, 3), "system": (170, 9)}
_CODE = ("src/hardneg/**/*.py", "benchmarks/trust/*.py")


def main(argv: Sequence[str] | None = None) -> int:
    """Try everything; 1 if something was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="try little, and keep nothing")
    parser.add_argument("--only", choices=sorted(MODULES), action="append", help="one kind of fault")
    parser.add_argument("--tries", type=int, help="tries of each kind, in place of its own number")
    parser.add_argument("--command", action="append", default=[], help="one command, as the table names it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--place", type=Path, help="where to work; a folder that goes afterwards if not given")
    options = parser.parse_args(argv)
    os.environ["HARDNEG_CACHE"] = ""
    forked.load()
    keeps, lost = not (options.short or options.command), 0
    with tempfile.TemporaryDirectory(dir=options.place) as folder:
        server = zygote.serve(Path(folder) / "server")
        zygote.use(Path(folder) / "server")
        first = prepared(Path(folder).resolve() / "first")
        for name in options.only or MODULES:
            tries = options.tries or MODULES[name][options.short]
            about = {"seed": options.seed, "tries": tries, "machine": machine(), "code": code()}
            made = kept(name, about=about) if keeps else []
            case = Case(first.place.with_name(name))
            shutil.copytree(first.place, case.place)
            os.environ["HARDNEG_CACHE"] = str(case.place / "cache")
            wanted = {"tries": tries, "seed": options.seed, "commands": options.command, "short": options.short}
            for row in shown(importlib.import_module(name).rows(case, done=tuple(made), **wanted)):
                made.append(row)
                if keeps:
                    keep(name, made, about=about)
            lost += sum(len(row.losses) for row in made)
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
    if keeps:
        write_readme()
    return int(lost > 0)


def code() -> str:
    """Hash what is tried and how: rows of other code are made anew."""
    root, state = Path(__file__).parents[2], hashlib.blake2b(digest_size=8)
    for path in sorted(path for pattern in _CODE for path in root.glob(pattern)):
        state.update(path.read_bytes())
    return state.hexdigest()


def machine() -> str:
    """Say in a few words what this machine is."""
    return f"{os.cpu_count()} cores, {platform.machine()}"


def prepared(place: Path) -> Case:
    """Make the data and the model, in a process of its own: this one must not begin to work."""
    case = Case(place)
    place.mkdir()
    write_data(case.data)
    process = os.fork()
    if not process:
        from tiny_model import build_tiny_model

        texts = [line for file in case.data.glob("*.jsonl") for line in file.read_text().splitlines()]
        words = [word.strip('"}') for text in texts for word in text.partition('"text": "')[2].split()]
        build_tiny_model(place, [" ".join(words)], dropout=0.0)
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0
    return case


def shown(rows: "Iterator[Row]") -> "Iterator[Row]":
    """Print rows as they come."""
    started = time.time()
    for row in rows:
        print(f"{time.time() - started:7.0f} s  {' | '.join(row.cells())}", flush=True)
        for loss in row.losses[:10]:
            print(f"           {loss}", flush=True)
        yield row


if __name__ == "__main__":
    sys.exit(main())
