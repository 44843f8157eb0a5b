"""One task of a ladder in a process of its own: `python -m hardneg.cli.ladder_worker [--quiet] FOLDER TASK`."""

import sys
from pathlib import Path

from hardneg.cli.display import progress
from hardneg.errors import HardnegError, Interrupted
from hardneg.ladders.processes import end_with_input
from hardneg.ladders.work import do_task


def main(arguments: list[str]) -> int:
    """Do the task.

    Args:
        arguments: Those of the command line.

    Returns:
        0 if the task came to an end, good or bad, of which its record tells; 2 if there is no such task; 3 if it was
        interrupted.
    """
    folder, task = arguments[-2:]
    end_with_input()
    try:
        with progress(quiet="--quiet" in arguments[:-2]):
            do_task(Path(folder), task)
    except (Interrupted, KeyboardInterrupt):
        return 3
    except HardnegError as error:
        sys.stderr.write(f"hardneg: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
