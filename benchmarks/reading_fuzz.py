"""Reads many thousand generated datasets in every layout, and damaged ones; counts what was read wrongly.

    python benchmarks/reading_fuzz.py --examples 10000

The properties are those of tests/invariants/test_reading.py, where CI tries a few hundred. Nothing is timed.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests" / "invariants" / "test_reading.py"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=10_000, help="In all, shared out over the properties.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    properties = len(re.findall(r"^@given", TESTS.read_text(encoding="utf-8"), re.MULTILINE))
    each = -(-options.examples // properties)
    print(f"{properties} properties, {each} examples each, {properties * each} in all", flush=True)
    environment = {**os.environ, "READING_EXAMPLES": str(each)}
    command = [sys.executable, "-m", "pytest", str(TESTS), f"--hypothesis-seed={options.seed}", "--no-header", "-q"]
    return subprocess.run(command, env=environment, cwd=TESTS.parents[2], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
