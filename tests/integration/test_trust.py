"""A little of `make trust`: faults under commands, in processes of their own, of which nothing may be lost."""

import subprocess
import sys
from pathlib import Path

TRUST = Path(__file__).parents[2] / "benchmarks" / "trust" / "trust.py"


def test_nothing_is_lost(tmp_path):
    arguments = ["--short", "--place", str(tmp_path)]
    ended = subprocess.run([sys.executable, str(TRUST), *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = [line.partition(" s  ")[2].split(" | ") for line in ended.stdout.splitlines() if " | " in line]
    assert {row[0].strip() for row in rows} >= {"a flipped bit", "a flipped bit, by checksum", "a kill", "a full disk"}
    assert all(row[2] != "0" and row[-1] == "0" for row in rows), ended.stdout
