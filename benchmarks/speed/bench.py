"""Run the benchmarks of speed, one after the other, and write the table.

    python benchmarks/speed/bench.py --data FOLDER --peers PYTHON                  those that this source has not had
    python benchmarks/speed/bench.py --row encoding --data FOLDER --peers PYTHON   this one, measured or not

Every other option goes on to the benchmarks. Stop it at any time: a row that is done stays done until `src`, the
benchmark or the machine changes.
"""

import argparse
import json
import subprocess
import sys

from measure import HERE, machine, source
from rows import ROWS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", action="append", choices=list(ROWS))
    chosen, passed = parser.parse_known_args()
    failed = []
    for row in chosen.row or [row for row in ROWS if not is_done(row)]:
        print(f"{row}: {ROWS[row]}", file=sys.stderr)
        command = [sys.executable, str(HERE / f"{row}.py"), *passed]
        if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode:
            failed.append(row)
    subprocess.run([sys.executable, str(HERE / "table.py")], check=True)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def is_done(row: str) -> bool:
    """Whether a row's result is of this machine and this source, and newer than its benchmark."""
    path, script = HERE / "results" / f"{row}.json", HERE / f"{row}.py"
    if not path.exists() or path.stat().st_mtime < script.stat().st_mtime:
        return False
    result, state = json.loads(path.read_text(encoding="utf-8")), source()
    return result["machine"] == machine() and bool(state) and result["versions"].get("source") == state


if __name__ == "__main__":
    main()
