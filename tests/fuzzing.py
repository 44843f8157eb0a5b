"""Reading damaged files by the thousand in a process that may die: `python fuzzing.py PLACE TARGET FIRST LAST`.

Each input follows from its number. What it came to is written at once, so that whoever watches knows on which one the
process hung or died, and goes on with the next.
"""

import json
import random
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path

from fuzz_targets import Target, target, write
from mutations import damaged

LIMIT_S = 20
GREW = 512 * 2**20  # bytes of memory that one input may not take
_MEMORY = 24 * 2**30  # of addresses


class TooSlow(Exception):  # noqa: N818 - it is what happened
    """An input took longer than anybody waits."""


def attempt(chosen: Target, folder: Path, number: int) -> tuple[str, str]:
    """Read one damaged set of files; gives what came of it, and where if that is a defect."""
    from hardneg.errors import HardnegError

    rng = random.Random(f"{chosen.name} {number}")
    shutil.rmtree(folder, ignore_errors=True)
    write(folder, damaged(chosen.sound[number % len(chosen.sound)], rng))
    try:
        chosen.read(folder)
    except HardnegError as error:
        return ("refused", "") if str(error).strip() and "\n\n" not in str(error) else ("defect", f"bare {error!r}")
    except (TooSlow, MemoryError) as error:
        return "defect", type(error).__name__
    except BaseException as error:
        where = [f"{Path(at.filename).name}:{at.lineno}" for at in traceback.extract_tb(error.__traceback__)]
        ours = [at for at in where if not at.startswith(("fuzz",))]
        return "defect", f"{type(error).__name__}: {str(error)[:100]!r} at {' < '.join(reversed(ours[-6:]))}"
    return "read", ""


def main() -> None:
    """Try a range of numbers on one target."""
    place, name, first, last = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    warnings.simplefilter("ignore")
    place.mkdir(parents=True, exist_ok=True)
    made = place / "sound"
    made.mkdir(exist_ok=True)
    chosen = target(name, made)

    def alarm(*_: object) -> None:
        raise TooSlow

    signal.signal(signal.SIGALRM, alarm)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    with (place / "log").open("a", buffering=1) as log:
        for number in range(first, last):
            log.write(f"{number}\n")
            before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
            signal.alarm(LIMIT_S)
            try:
                outcome, detail = attempt(chosen, place / "input", number)
            finally:
                signal.alarm(0)
            grew = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
            if grew > GREW and outcome != "defect":
                outcome, detail = "defect", f"took {grew / 2**20:,.0f} MiB"
            seconds = round(time.monotonic() - started, 3)
            log.write(json.dumps({"number": number, "outcome": outcome, "detail": detail, "s": seconds}) + "\n")


if __name__ == "__main__":
    main()
