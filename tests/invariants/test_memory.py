"""Files that were made to fill memory or to take forever are refused, or read within bounds; see tests/bounded.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bounded import NAMES

TESTS = Path(__file__).parents[1]
SOUND = ("long.jsonl", "long.csv", "wide-row.csv", "deep-closed.jsonl", "deep-objects.jsonl", "digits.jsonl")
MIB, SECONDS = 512, 15


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "TQDM_DISABLE": "1"}
    environment["BOUNDED_N"] = "100000"
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, str(TESTS / "bounded.py"), str(tmp_path_factory.mktemp("bounded"))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", NAMES)
def test_it_is_refused_or_read_within_bounds(results, name):
    result = results[name]
    assert result["outcome"] in ("read", "refused"), result
    assert result["mib"] < MIB
    assert result["seconds"] < SECONDS
    assert len(result["said"]) < 8_000
