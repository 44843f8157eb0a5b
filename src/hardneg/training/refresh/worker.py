"""Mining in a second process while training goes on.

The process is `python -m hardneg.training.refresh.worker FOLDER`. It reads its job from a file, and from its standard
input one line a round: the number of the round, whose weights lie in its folder, and the round to compare with. It ends
when its input does, also if the training process was killed.
"""

import os
import pickle
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from hardneg.files import replacing
from hardneg.training.refresh.mine import Job, mine_round

_JOB = "job.pickle"
_PATIENCE_S = 10


class Miner:
    """A process that makes rounds, one at a time; started when it is first asked, and again if it has died."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._folder = job.rounds.path / "refresh"
        self._process: subprocess.Popen[str] | None = None
        self.asked: int | None = None

    def ask(self, number: int, *, before: int) -> None:
        """Have a round made."""
        self.asked = number
        with suppress(BrokenPipeError):  # it has died since it was looked at; `problem` will say so
            if self._process is None or self._process.poll() is not None:
                self.stop()
                self._process = self._start()
            assert self._process.stdin is not None
            self._process.stdin.write(f"{number} {before}\n")
            self._process.stdin.flush()

    def arrived(self) -> int | None:
        """Give the round that was asked for once it is there; it is then no longer waited for."""
        if self.asked is None or not self._job.rounds.is_there(self.asked):
            return None
        number, self.asked = self.asked, None
        return number

    def problem(self) -> str | None:
        """Say how the process died before the round was there; the round is then no longer waited for."""
        if self.asked is None or self._process is None or self._process.poll() is None:
            return None
        if self._job.rounds.is_there(self.asked):
            return None  # it died with its work done
        self.asked = None
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return (
            f"the mining process ended with status {self._process.returncode}: {lines[-1] if lines else 'no message'}"
        )

    def stop(self) -> None:
        """End the process, finished or not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process = None

    @property
    def _log(self) -> Path:
        return self._folder / "miner.log"

    def _start(self) -> subprocess.Popen[str]:
        with replacing(self._folder / _JOB) as temporary:
            temporary.write_bytes(pickle.dumps(self._job))
        # The modules that define the user's own sources and filters are found as they are here.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        with self._log.open("w") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "hardneg.training.refresh.worker", str(self._folder)],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for the training process, which ends this one
            )


def main(folder: Path) -> None:
    """Make rounds as long as somebody asks for them.

    Args:
        folder: Where the job is.
    """
    job: Job = pickle.loads((folder / _JOB).read_bytes())
    for line in sys.stdin:
        number, before = map(int, line.split())
        mine_round(job, number=number, before=before)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
