"""One writer an address: who writes there says so in an object of its own, and says again and again that it lives.

A writer is numbered. Its object can be made only if there is none of that number, which the store decides: of two that
come at the same time one is refused. Whoever finds the last writer dead takes the next number, and a writer that sees a
higher number than its own, say because its machine slept, publishes no more.
"""

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

from hardneg.errors import LockedError, StorageError
from hardneg.files import from_json
from hardneg.runs.writer import Writer
from hardneg.storage.listing import INSIDE, LISTS, WRITERS, generations
from hardneg.storage.objects import Objects

BEAT_S = 5.0
_DEAD = 4  # times as long as between two beats without one
_POLL_S = 0.5
_WAY_OUT = "wait for it (--wait does), or name another place with -o"

_log = logging.getLogger(__name__)


@dataclass
class Claim:
    """The right to publish at an address."""

    objects: Objects
    generation: int
    writer: Writer
    forget: bool = True  # leave no object behind, as long as nothing was published

    @property
    def name(self) -> str:
        """The object that says so."""
        return _name(self.generation)

    def check(self) -> None:
        """Make sure that nobody else has taken over."""
        latest, name = max(generations(self.objects, WRITERS), default=(0, ""))
        if latest > self.generation:
            other, _ = _read(self.objects, name)
            raise LockedError(
                f"{self.objects.address} was taken over by {other or 'another process'}, which found this one "
                f"silent for {_DEAD * BEAT_S:.0f} s; what it did not publish is lost when it is called again"
            )

    def content(self, beat: int | None) -> bytes:
        """Give what the object says; no beat when the writer is done."""
        return json.dumps({"writer": asdict(self.writer), "beat": beat}).encode()


@contextmanager
def claimed(objects: Objects, *, waits: bool = False) -> Iterator[Claim]:
    """Be the only one who publishes at an address inside the block; a LockedError says who else does."""
    claim = _claim(objects, waits=waits)
    stop = threading.Event()

    def beat() -> None:
        number = 0
        while not stop.wait(BEAT_S):
            number += 1
            with suppress(StorageError):
                objects.write(claim.name, claim.content(number))

    thread = threading.Thread(target=beat, name="writer", daemon=True)
    thread.start()
    try:
        yield claim
    finally:
        stop.set()
        thread.join()
        with suppress(StorageError):
            if claim.forget:
                objects.delete([claim.name])
            else:
                objects.write(claim.name, claim.content(None))


def _claim(objects: Objects, *, waits: bool) -> Claim:
    me = Writer.this()
    while True:
        before = generations(objects, WRITERS)
        number = max((each for each, _ in [*before, *generations(objects, LISTS)]), default=0)
        if before:
            _see_dead(objects, before[-1][1], waits=waits)
        claim = Claim(objects, number + 1, me)
        if objects.create(claim.name, claim.content(0)):
            if objects.create(claim.name, claim.content(0)):  # asked of each store, since some do not look
                objects.delete([claim.name])
                raise objects.unguarded("does not heed")
            objects.delete(name for _, name in before)
            return claim
        if not waits:
            other, _ = _read(objects, claim.name)
            raise LockedError(f"{objects.address} is being written by {other or 'another process'}; {_WAY_OUT}")


def _see_dead(objects: Objects, name: str, *, waits: bool) -> None:
    """Return once the writer of an object is done, or gives no sign of life."""
    other, first = _read(objects, name)
    seen, is_waiting, since = first, False, time.monotonic()
    while not (seen is None or other is None or (other.is_here and not other.lives)):
        if seen != first and not waits:
            raise LockedError(f"{objects.address} is being written by {other}; {_WAY_OUT}")
        if seen != first:
            if not is_waiting:
                _log.warning("%s is being written by %s; waiting for it", objects.address, other)
            first, is_waiting, since = seen, True, time.monotonic()
        if time.monotonic() - since > _DEAD * BEAT_S:
            _log.warning("%s was being written by %s, which gives no sign of life; going on", objects.address, other)
            return
        time.sleep(_POLL_S)
        other, seen = _read(objects, name)


def _read(objects: Objects, name: str) -> tuple[Writer | None, int | None]:
    """Read who writes, and the number of its last beat; None for that of one who is done."""
    content = objects.read(name)
    try:
        line = from_json(content or b"{}")
        return Writer(**line["writer"]), line["beat"]
    except (ValueError, KeyError, TypeError):
        return None, None


def _name(number: int) -> str:
    return f"{INSIDE}/{WRITERS}{number:06d}.json"
