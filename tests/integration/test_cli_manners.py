"""Help with examples that can be typed, completion of the shell, and output without colours for who asks for it."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import typer

from hardneg.cli import main
from hardneg.cli.app import app
from hardneg.cli.audit import with_way
from hardneg.cli.examples import EXAMPLES
from toy import toy_dataset


def commands(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        elif not command.hidden:
            yield (*path, name), command


PROGRAM = typer.main.get_command(app)
COMMANDS = dict(commands(PROGRAM))


@pytest.fixture
def plain(monkeypatch):
    """A terminal without colours, wide enough that no line is broken."""
    for name in ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "200")


def test_no_example_is_of_a_command_that_is_gone():
    assert set(EXAMPLES) == {" ".join(path) for path in COMMANDS}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_ends_with_examples_whose_options_parse(path, plain, capsys):
    assert main([*path, "--help"]) == 0
    shown = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    examples = EXAMPLES[" ".join(path)]
    assert 1 <= len(examples) <= 2
    assert shown[-len(examples) :] == list(examples)
    for example in examples:
        program, *words = shlex.split(example.partition(" > ")[0])
        assert program == "hardneg"
        words = with_way(words)
        assert words[: len(path)] == list(path)
        COMMANDS[path].make_context(path[-1], words[len(path) :])  # raises for an option that there is not


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell, monkeypatch, capsys):
    monkeypatch.setattr("shellingham.detect_shell", lambda: (shell, f"/bin/{shell}"))
    assert main(["--show-completion"]) == 0
    script = capsys.readouterr().out
    assert "_HARDNEG_COMPLETE" in script
    assert shell in script or "complete -o default" in script


@pytest.mark.parametrize(("typed", "completed"), [("hardneg mi", "mine"), ("hardneg audit pl", "planted")])
def test_a_shell_completes_commands(typed, completed, monkeypatch, capsys):
    monkeypatch.setenv("_HARDNEG_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    assert main([]) == 0
    assert capsys.readouterr().out.split() == [completed]


@pytest.mark.parametrize("command", [["data", "check"], ["data", "--help"]], ids=["table", "help"])
def test_colours_are_left_out_where_they_are_not_wanted(command, tmp_path):
    """In a process of its own: what typer shows it with looks at the environment once."""
    toy_dataset().write(tmp_path / "toy")
    run = [sys.executable, "-m", "hardneg", *command, *([str(tmp_path / "toy")] if "check" in command else [])]
    settings = [os.environ | {"FORCE_COLOR": "1", "NO_COLOR": each} for each in ("", "1")]
    shown = [subprocess.run(run, env=env, capture_output=True, text=True, check=True).stdout for env in settings]
    coloured = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|38|9[0-7])(?:;\d+)*m")
    assert [bool(coloured.search(each)) for each in shown] == [True, False]


WAYS_OUT = [
    (["check", "data"], "Did you mean 'data check'?"),
    (["cache", "clean"], "There are: ls, prune."),
    (["run", "data"], "`hardneg init data -o data.toml` writes one"),
    (["run", "mine.toml"], "`hardneg init DATASET -o mine.toml` writes one"),
    (["run", "mined"], "`hardneg train --negatives mined -o OUT` trains on them"),
    (["mine", "mined", "-o", "x"], "mined is the folder of a run, and no dataset; name the dataset that it mined: "),
    (["evaluate", "data", "--model", "./mined"], "`hardneg train … -o OUT` leaves the one that it trains in OUT/model"),
    (["evaluate", "data", "--model", "./nowhere"], "`hardneg train … -o OUT` leaves the model that it trains"),
    (["evaluate", "data", "--bm25", "english", "--split", "dev"], "`hardneg data split DATASET -o OUT` makes one"),
    (["train", "data", "--negatives", "nothing", "-o", "x"], "mine first (`hardneg mine DATASET -o nothing`)"),
    (["export", "nothing", "-o", "x.jsonl"], "`hardneg mine DATASET -o nothing` mines into it"),
    (["export", "mined", "--form", "triple", "-o", "x.jsonl"], "did you mean 'triplet'?"),
    (["export", "half", "-o", "x.jsonl"], "mining into half was interrupted; run it again"),
    (["report", "half"], "Mining is not finished, and is left out. The command that began it goes on"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    toy_dataset().write(folder / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["mine", "data", "-o", "mined", "--source", "bm25", "--depth", "4", "--quiet"]) == 0
    shutil.copytree(folder / "mined", folder / "half")
    (folder / "half" / "funnel.json").unlink()
    (folder / "nothing").mkdir()
    return folder


@pytest.mark.parametrize(("words", "way_out"), WAYS_OUT, ids=[" ".join(words) for words, _ in WAYS_OUT])
def test_an_error_names_the_command_that_helps(words, way_out, place, plain, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert main(words) == 2
    assert way_out in " ".join(capsys.readouterr().err.split())
