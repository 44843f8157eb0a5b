"""How long does `hardneg --help` take, and does it load torch?

    python benchmarks/speed/start.py

Beside a start of Python itself, and of `import hardneg`.
"""

import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

from measure import Bar, Work, alternate, parser, timed, write_result

RUNS = 20
COMMANDS = {
    "python": ["-c", "pass"],
    "hardneg --help": ["-m", "hardneg", "--help"],
    "import hardneg": ["-c", "import hardneg"],
}


def main(arguments: list[str] | None = None) -> None:
    options = parser(__doc__).parse_args(arguments)
    runs = 1 if options.tiny else RUNS
    works = {name: Work(Path(__file__), "start", given={"command": command}) for name, command in COMMANDS.items()}
    measured = alternate(works, {"runs": runs}, options)
    loaded = {name: _loaded(command) for name, command in COMMANDS.items()}
    write_result(
        options,
        row="start",
        what="start",
        work=f"median of {runs} starts, {options.repeats} times in turn",
        measured=measured,
        bars=[Bar("s for `hardneg --help`", measured["hardneg --help"]["seconds"], 0.3, at_most=True)],
        checks={f"{name} loads no torch": "torch" not in modules for name, modules in loaded.items()},
    )


def start(given: dict) -> dict:
    """Start Python with a command, some times."""
    command = [sys.executable, *given["command"]]
    each = [timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)) for _ in range(given["runs"])]
    return {"seconds": median(each), "peak_mb": getrusage(RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6}


def _loaded(command: list[str]) -> set[str]:
    """List the packages that a start loads."""
    done = subprocess.run([sys.executable, "-X", "importtime", *command], check=True, capture_output=True, text=True)
    return {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}


if __name__ == "__main__":
    main()
