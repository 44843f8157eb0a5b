"""Mining in a second process while training goes on.

The process is `python -m hardneg.training.refresh.worker`. It is asked for one round after the other: by its number,
whose weights lie in its folder, and the round to compare with.
"""

from typing import TYPE_CHECKING

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
            job = self._job.as_table(self._job.dataset.write(folder / "dataset"))
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

    job = Job.from_table(table)
    for each in asked:
        mine_round(job, number=each["number"], before=each["before"])


if __name__ == "__main__":
    main()
