"""How long does `hardneg --help` take, and does it load torch?

    python benchmarks/speed/start.py

Beside a start of Python itself, and of `import hardneg`.
"""

import subprocess
import sys
from pathlib import Path

from measure import Bar, Work, alternate, parser, timed, write_result

RUNS = 20
COMMANDS = {
    "python": ["-c", "pass"],
    "hardneg --help": ["-m", "hardneg", "--help"],
    "import hardneg": ["-c", "import hardneg"],
}


def main(arguments: list[str] | None = None) -> None:
    options = parser(__doc__).parse_args(arguments)
    here, runs = Path(__file__), 1 if options.tiny else RUNS
    measured = alternate({name: Work(here, _function(name)) for name in COMMANDS}, {"runs": runs}, options)
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


def bare(given: dict) -> dict:
    """Start Python."""
    return _starts("python", given["runs"])


def show_help(given: dict) -> dict:
    """Start the command line."""
    return _starts("hardneg --help", given["runs"])


def import_hardneg(given: dict) -> dict:
    """Start Python and import the library."""
    return _starts("import hardneg", given["runs"])


def _function(name: str) -> str:
    return {"python": "bare", "hardneg --help": "show_help", "import hardneg": "import_hardneg"}[name]


def _starts(name: str, runs: int) -> dict:
    command = [sys.executable, *COMMANDS[name]]
    each = sorted(timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)) for _ in range(runs))
    return {"seconds": each[len(each) // 2]}


def _loaded(command: list[str]) -> set[str]:
    """List the packages that a start loads."""
    done = subprocess.run([sys.executable, "-X", "importtime", *command], check=True, capture_output=True, text=True)
    return {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}


if __name__ == "__main__":
    main()
