"""Mining in a second process while training goes on.

The process is `python -m hardneg.training.refresh.worker`. It is asked for one round after the other: by its number,
whose weights lie in its folder, and the round to compare with.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hardneg.engines import Ray, current_engine, working_on
from hardneg.processes import Worker, requests
from hardneg.runs.lock import lent

if TYPE_CHECKING:  # the process listens before it imports what takes long
    from hardneg.training.refresh.mine import Job


class Miner:
    """A process that makes rounds, one at a time; started when it is first asked, and again if it has died."""

    def __init__(self, job: "Job") -> None:
        self._job = job
        self._worker: Worker | None = None
        self.asked: int | None = None

    def ask(self, number: int, *, before: int) -> None:
        """Have a round made."""
        self.asked = number
        if self._worker is None or self._worker.ended:
            self.stop()
            folder = self._job.rounds.path / "refresh"
            job = self._job.as_table(self._job.dataset.write(folder / "dataset")) | {"engine": _told()}
            self._worker = Worker(
                ["-m", "hardneg.training.refresh.worker"], job, log=folder / "miner.log", inherits=lent()
            )
        self._worker.send({"number": number, "before": before})

    def arrived(self) -> int | None:
        """Give the round that was asked for once it is there; it is then no longer waited for."""
        if self.asked is None or not self._job.rounds.is_there(self.asked):
            return None
        number, self.asked = self.asked, None
        return number

    def problem(self) -> str | None:
        """Say how the process died before the round was there; the round is then no longer waited for."""
        if self.asked is None or self._worker is None or not self._worker.ended:
            return None
        if self._job.rounds.is_there(self.asked):
            return None  # it died with its work done
        self.asked = None
        return f"the mining process {self._worker.ending()}"

    def stop(self) -> None:
        """End the process, finished or not."""
        if self._worker is not None:
            self._worker.stop()
        self._worker = None


def main() -> None:
    """Make rounds as long as somebody asks for them."""
    asked = requests()
    table = next(asked)
    from hardneg.training.refresh.mine import Job, mine_round

    job, engine = Job.from_table(table), table["engine"]
    with working_on(engine and Ray(**engine), keep=False):
        for each in asked:
            mine_round(job, number=each["number"], before=each["before"])


def _told() -> dict[str, Any] | None:
    """Describe the engine of the time to another process, if it is one that others can join."""
    engine = current_engine()
    return asdict(engine) if isinstance(engine, Ray) and engine.address else None


if __name__ == "__main__":
    main()
