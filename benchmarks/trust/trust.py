"""Faults under every command, and what is lost by them: nothing, or a row says what.

    python benchmarks/trust/trust.py [--short] [--only flips] [--seed 0] [--place FOLDER]

Each module of this folder with a `rows` is one kind of fault; its rows are kept in `results/`, and the table of all of
them is in `README.md`. `--short` tries little and keeps nothing, for CI.
"""

import argparse
import importlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "tests")]

import forked  # noqa: E402
from case import Case, write_data  # noqa: E402

from rows import Row, keep, write_readme  # noqa: E402

# Name of the module, tries in full, tries in short.
MODULES = {"flips": (10_000, 120), "kills": (200, 18), "system": (270, 27)}


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
    lost = 0
    for name in options.only or MODULES:
        with tempfile.TemporaryDirectory(dir=options.place) as folder:
            case = prepared(Path(folder).resolve())
            full, short = MODULES[name]
            tries = options.tries or (short if options.short else full)
            about = {"seed": options.seed, "tries": tries, "machine": f"{os.cpu_count()} cores, {platform.machine()}"}
            made: list[Row] = []
            module = importlib.import_module(name)
            for row in shown(module.rows(case, tries=tries, seed=options.seed, commands=options.command)):
                made.append(row)
                lost += len(row.losses)
                if not (options.short or options.command):
                    keep(name, made, about=about)
    if not (options.short or options.command):
        write_readme()
    return int(lost > 0)


def prepared(place: Path) -> Case:
    """Make the data and the model, in a process of its own: this one must not begin to work."""
    case = Case(place)
    os.environ["HARDNEG_CACHE"] = str(place / "cache")
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
