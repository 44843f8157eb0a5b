"""One task of a ladder in a process of its own: `python -m hardneg.ladders.worker`, asked as `processes` asks."""

import sys
from pathlib import Path

from hardneg.errors import HardnegError, Interrupted
from hardneg.leave import allowing
from hardneg.processes import requests


def main() -> int:
    """Do the task: 0 if it came to an end, good or bad, 2 if there is none such, 3 if it was interrupted."""
    job = next(requests())
    from hardneg.ladders.processes import INTERRUPTED
    from hardneg.ladders.work import do_task

    try:
        with allowing(code=job["code"]):  # whoever asks wrote the plan
            do_task(Path(job["folder"]), job["task"])
    except (Interrupted, KeyboardInterrupt):
        return INTERRUPTED
    except HardnegError as error:
        sys.stderr.write(f"hardneg: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
