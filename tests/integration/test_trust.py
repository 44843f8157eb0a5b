"""A little of `make trust`: faults under commands, in processes of their own, of which nothing may be lost."""

import subprocess
import sys
from pathlib import Path

import pytest

TRUST = Path(__file__).parents[2] / "benchmarks" / "trust" / "trust.py"


@pytest.mark.parametrize(
    ("kind", "tries", "commands"),
    [
        ("flips", 60, ["mine"]),
        ("kills", 3, ["mine", "train", "export"]),
        ("system", 9, ["mine"]),
    ],
)
def test_nothing_is_lost(tmp_path, kind, tries, commands):
    chosen = [part for name in commands for part in ("--command", name)]
    arguments = ["--short", "--only", kind, "--tries", str(tries), "--place", str(tmp_path), *chosen]
    ended = subprocess.run([sys.executable, str(TRUST), *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count(" | ") >= 2 * len(commands)
