"""`python -m hardneg`, the same as `hardneg`."""

import os
import sys

# How often a thread of torch's OpenMP library looks for work before it sleeps. Its own default suits a machine that
# does nothing else. With one other busy process on two cores, a training step took 9 times as long with 100,000
# spins and 3 times with these, which cost 5 % where nothing else runs (MiniLM, 64 texts).
_SPIN_COUNT = "10000"


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    os.environ.setdefault("GOMP_SPINCOUNT", _SPIN_COUNT)
    from hardneg.hiding import hide_in_tracebacks

    hide_in_tracebacks()  # before typer, whose own way of showing errors hands ours on
    from hardneg.cli import main as run

    sys.exit(run())


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # the working directory: a `torch.py` that somebody left there is not ours to run
    main()
