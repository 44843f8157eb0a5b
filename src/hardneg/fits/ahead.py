"""Trainings of a round, done at a time on an engine before the race comes to them."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar

from hardneg.engines import current_engine
from hardneg.errors import HardnegError
from hardneg.fits.track import Entry, Track


@dataclass(frozen=True)
class Trainings:
    """Trainings that need nothing of each other."""

    track: Track
    entries: tuple[Entry, ...]

    once: ClassVar[bool] = True  # two would write in one folder

    def do(self, number: int) -> None:
        """Train an entry; why one cannot be trained is said when the race comes to it."""
        with suppress(HardnegError):
            self.track.run(self.entries[number])


def train_ahead(track: Track, entries: Sequence[Entry]) -> None:
    """Mine for all, block by block, and then train them at a time, one a worker; what is done is not done again."""
    todo = [each for each in entries if not track.is_done(each) and _is_mined(track, each)]
    if len(todo) > 1:
        work = Trainings(replace(track, folder=track.folder.absolute(), mined={}), tuple(todo))
        for _ in current_engine().each(work, range(len(todo))):
            pass  # each leaves its figures in its folder


def _is_mined(track: Track, entry: Entry) -> bool:
    """Mine for an entry; say whether it can be trained at all."""
    try:
        if track.doubts(entry):
            return False
        track.mine(entry)
    except HardnegError:
        return False
    return True
