"""Every command that writes keeps others out of the place that it writes to, and can wait for it."""

import os
import subprocess
import sys

import click
import pytest
import typer

from hardneg.cli import main
from hardneg.cli.app import app
from hardneg.runs.lock import TOKENS
from review_server import reviewing

HOLD = """
import sys, time
from contextlib import ExitStack
from pathlib import Path
from hardneg.runs.lock import writing, writing_file
with ExitStack() as stack:
    for name in sys.argv[1:]:
        lock = writing_file if Path(name).suffix else writing
        stack.enter_context(lock(Path(name)))
    print("in", flush=True)
    time.sleep(600)
"""
BM25 = ["--source", "bm25(analyzer='plain')"]
# Commands that write nothing, and `cache prune`, which leaves alone what is in use.
READERS = {"check", "status", "estimate", "plan", "verify", "doctor", "ls", "prune", "push"}


def commands(group, names=()):
    """All commands, with the names by which they are called."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group) or hasattr(command, "commands"):
            yield from commands(command, (*names, name))
        else:
            yield (*names, name), command


def test_every_command_that_writes_can_wait():
    without = {
        " ".join(names)
        for names, command in commands(typer.main.get_command(app))
        if names[-1] not in READERS and "--wait" not in {each for option in command.params for each in option.opts}
    }
    assert without == set()


@pytest.fixture(scope="module")
def mined(bench, tmp_path_factory):
    out = tmp_path_factory.mktemp("mined") / "run"
    assert main(["mine", str(bench / "data"), "-o", str(out), *BM25, "--depth", "9", "--quiet"]) == 0
    return out


@pytest.fixture(scope="module")
def measured(bench, tmp_path_factory):
    out = tmp_path_factory.mktemp("measured")
    for name in ("one", "two"):
        assert main(["evaluate", str(bench / "data"), "--bm25", "plain", "-o", str(out / name), "--quiet"]) == 0
    return out


@pytest.fixture(scope="module")
def held(mined, tmp_path_factory):
    """A folder, and a file of each kind, that somebody else writes into."""
    place = tmp_path_factory.mktemp("held")
    names = [place / name for name in ("folder", "e.jsonl", "r.html", "s.parquet", "v.sqlite")]
    surroundings = {name: value for name, value in os.environ.items() if name != TOKENS}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, *map(str, names), str(mined)], stdout=subprocess.PIPE, text=True, env=surroundings
    ) as process:
        assert process.stdout.readline() == "in\n"
        yield place
        process.kill()


@pytest.mark.parametrize(
    "command",
    [
        "mine DATA BM25 -o HELD/folder",
        "run RECIPE -o HELD/folder",
        "train DATA --model TINY -o HELD/folder",
        "encode DATA --model TINY -o HELD/folder",
        "evaluate DATA --bm25 plain -o HELD/folder",
        "fit DATA --model TINY --steps 1 -o HELD/folder",
        "ladder DATA --model TINY -o HELD/folder --yes",
        "teacher train DATA --negatives MINED --model TINY -o HELD/folder",
        "audit planted DATA BM25 -o HELD/folder",
        "audit frontier DATA BM25 -o HELD/folder",
        "calibrate DATA BM25 -o HELD/folder",
        "compare MEASURED/one MEASURED/two -o HELD/folder",
        "data split DATA --again -o HELD/folder",
        "score MINED --scorer SCORER",
        "score MINED --scorer SCORER -o HELD/s.parquet",
        "export MINED -o HELD/e.jsonl",
        "report MINED -o HELD/r.html",
        "review MINED --database HELD/v.sqlite",
    ],
)
def test_who_writes_there_is_told_by_every_command(command, bench, mined, measured, held, capsys):
    capsys.readouterr()
    words = {"DATA": bench / "data", "RECIPE": bench / "small.toml", "TINY": bench / "tiny", "MINED": mined}
    words |= {"HELD": held, "MEASURED": measured, "SCORER": f"bi_encoder(model='{bench / 'tiny'}')"}
    typed = []
    for word in command.split():
        first, slash, rest = word.partition("/")
        typed += BM25 if word == "BM25" else [f"{words[first]}{slash}{rest}" if first in words else word]
    assert main(typed) == 2
    message = capsys.readouterr().err
    assert " is being written by `-c " in message, message
    assert "--wait" in message


def test_two_pages_of_one_review_are_refused_and_its_verdicts_can_be_exported(bench, tmp_path, capsys):
    assert main(["mine", str(bench / "data"), "-o", str(tmp_path / "run"), *BM25, "--depth", "9", "--quiet"]) == 0
    with reviewing(tmp_path / "run", "--suspects", 5, "--sample", 5) as (_, process):
        capsys.readouterr()
        assert main(["review", str(tmp_path / "run")]) == 2
        assert f"(process {process.pid} on " in capsys.readouterr().err
        assert main(["review", str(tmp_path / "run"), "--export", str(tmp_path / "v.csv")]) == 0
