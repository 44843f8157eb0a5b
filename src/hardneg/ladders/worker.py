"""One task of a ladder in a process of its own: `python -m hardneg.ladders.worker FOLDER TASK`."""

import sys
from pathlib import Path

from hardneg.errors import HardnegError, Interrupted
from hardneg.ladders.processes import end_with_input
from hardneg.ladders.work import do_task


def main(arguments: list[str]) -> int:
    """Do the task: 0 if it came to an end, good or bad, 2 if there is none such, 3 if it was interrupted."""
    folder, task = arguments
    end_with_input()
    try:
        do_task(Path(folder), task)
    except (Interrupted, KeyboardInterrupt):
        return 3
    except HardnegError as error:
        sys.stderr.write(f"hardneg: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
