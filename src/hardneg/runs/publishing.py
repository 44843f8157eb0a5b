"""A folder that is worked in here and published at an address of object storage while the work goes on.

Each few seconds the files that are new or have changed are sent, then the list of all files, in one step: a reader sees
the folder as it was at some moment, never half of a step, and no object that a reader may need is overwritten. Whoever
publishes there next, on this machine or another, begins with what was published last.
"""

import logging
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from hardneg.addresses import address_of, standing_for
from hardneg.checksums import SUMS, digest
from hardneg.errors import LockedError, RecipeError, RunError, StorageError
from hardneg.runs.lock import STATUS
from hardneg.runs.snapshots import held, is_database, snapshot, stays_here
from hardneg.runs.writing_there import Claim, claimed
from hardneg.storage.bringing import WantedFile, brought, place_of
from hardneg.storage.listing import INSIDE, Listing, StoredFile, read_listing
from hardneg.storage.objects import Objects

EVERY_S = 5.0
_SLOWER = 4  # times as long as sending took, at least, until it is done again

_log = logging.getLogger(__name__)


@contextmanager
def published(address: str | Path, *, waits: bool = False) -> Iterator[Path]:
    """Give a folder to work in, which holds what was published at an address, and publish there what becomes of it.

    Args:
        address: `s3://BUCKET/NAME`, `gs://…`, `az://…`.
        waits: Wait where another writer is at work, in place of an error.

    Yields:
        A folder of the cache. It stays there, and the next work at the same address brings only what it lacks.

    Raises:
        LockedError: Somebody else writes there.
        StorageError: The store cannot be reached, or does not hold what was published.
        RunError: There is something at the address that was not published.
    """
    place_there = address_of(address)
    if place_there is None:
        raise RecipeError(f"{address} is no address of object storage; write s3://BUCKET/NAME")
    objects, place = Objects(place_there), place_of(place_there, "published")
    folder = place / place_there.rpartition("/")[2]
    place.mkdir(parents=True, exist_ok=True)
    with _alone_here(place, place_there, waits=waits), claimed(objects, waits=waits) as claim:
        work = _Publishing(objects, folder, place / "brought.json", claim)
        work.begin()
        try:
            with standing_for(folder, place_there), work.going_on():
                yield folder
            work.settle()
        except BaseException:
            with suppress(StorageError, LockedError, OSError):
                work.leave()
            raise


@contextmanager
def sending(address: str | Path, folder: Path) -> Iterator[Path]:
    """Give a place in an empty folder, and send what was put there to an address, manifests last, if all went well."""
    whole = address_of(address)
    if whole is None:
        raise RecipeError(f"{address} is no address of object storage; write s3://BUCKET/NAME")
    head, _, name = whole.rpartition("/")
    if head.count("/") < 2:
        raise RecipeError(f"{whole} is a bucket; name something in it, {whole}/NAME")
    objects = Objects(head)
    with standing_for(folder, head):
        yield folder / name
    files = sorted(each for each in folder.rglob("*") if each.is_file() and not stays_here(each.name))
    files = [each for each in files if each != folder / SUMS]  # of the file alone, where others lie beside it
    for path in sorted(files, key=lambda each: "manifest" in each.name):
        objects.send(path.relative_to(folder).as_posix(), path)


@contextmanager
def _alone_here(place: Path, address: str, *, waits: bool) -> Iterator[None]:
    lock = FileLock(place / ".lock", timeout=-1 if waits else 0)
    try:
        lock.acquire()
    except Timeout:
        raise LockedError(
            f"{address} is being written by another process of this machine; wait for it (--wait does), or name "
            "another place with -o"
        ) from None
    try:
        yield
    finally:
        lock.release()


@dataclass
class _Publishing:
    """What of a folder was published, and what has changed since."""

    objects: Objects
    folder: Path
    notes: Path  # what was brought; its `.base` names the list that the folder goes on from
    claim: Claim

    def __post_init__(self) -> None:
        self.listing = Listing()
        self.stamps: dict[str, tuple[int, ...]] = {}
        self.stale: set[str] = set()  # objects that the list before named
        self.lock = threading.Lock()

    @property
    def _base(self) -> Path:
        return self.notes.with_suffix(".base")

    def begin(self) -> None:
        """Make the folder hold what was published last, unless it is what goes on from there."""
        there = read_listing(self.objects)
        if there is None:
            others = [name for name in self.objects.list() if not name.startswith(f"{INSIDE}/")]
            if others:
                raise RunError(
                    f"{self.objects.address} holds {len(others):,} objects that hardneg did not publish, the first "
                    f"{others[0] or 'of that very name'}; name another place with -o"
                )
            there = Listing()
        self.listing = replace(there, generation=self.claim.generation)
        if self.folder.exists() and self._goes_on_from(there):
            self._note_unchanged()
        else:
            self._bring(there)
        self.listing.write(self.objects)
        self.claim.forget = False

    def _goes_on_from(self, there: Listing) -> bool:
        try:
            return self._base.read_text() == there.key
        except OSError:
            return False

    def _note_unchanged(self) -> None:
        """Take what is as it was published, and still is there, for sent; all else is sent with the rest."""
        there = self.objects.list()
        files = {
            name: each
            for name, each in self.listing.files.items()
            if each.object in there and there[each.object].size == each.size
        }
        self.listing = replace(self.listing, files=files)
        for name, stamp in snapshot(self.folder).items():
            entry = self.listing.files.get(name)
            if entry is not None and stamp[0] == entry.size and digest(self.folder / name) == entry.digest:
                self.stamps[name] = stamp

    def _bring(self, there: Listing) -> None:
        self._base.unlink(missing_ok=True)
        wanted = {
            name: WantedFile(each.object, each.size, each.digest, each.digest) for name, each in there.files.items()
        }
        lost: list[str] = []
        if not wanted:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        brought(self.objects, wanted, self.folder, self.notes, missing=lost.append)
        for name in lost:
            _log.warning("%s is gone; it is made anew, and all else is kept", self.objects.at(name))
        files = {name: each for name, each in there.files.items() if name not in lost}
        self.listing = replace(self.listing, files=files)
        self._base.write_text(there.key)
        self.stamps = {name: stamp for name, stamp in snapshot(self.folder).items() if name in files}

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Publish from time to time inside the block."""
        stop = threading.Event()

        def go_on() -> None:
            pause, is_down = EVERY_S, False
            while not stop.wait(pause):
                began = time.monotonic()
                try:
                    self.publish()
                    is_down = False
                except (StorageError, LockedError, OSError) as error:
                    if not is_down:
                        _log.warning("%s; it is tried again, and the work goes on here", error)
                    is_down = True
                pause = max(EVERY_S, _SLOWER * (time.monotonic() - began))

        thread = threading.Thread(target=go_on, name="publishing", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def publish(self, *, last: bool = False) -> None:
        """Send what has changed, then the list; nothing where the folder is being changed at this moment.

        How far a command is (`.status.json`) is reason enough only when it ends.
        """
        with self.lock:
            stamps, apart = snapshot(self.folder), set() if last else {STATUS}
            changed = {name for name, stamp in stamps.items() if self.stamps.get(name) != stamp} - apart
            if not changed and self.listing.files.keys() - apart == stamps.keys() - apart:
                return
            files = {}
            for name, stamp in stamps.items():
                entry = self.listing.files.get(name)
                if entry is None or self.stamps.get(name) != stamp:
                    entry = self._sent(name, stamp, entry)
                if entry is None:
                    return
                files[name] = entry
            self._put(Listing(self.claim.generation, files), stamps)

    def _put(self, listing: Listing, stamps: dict[str, tuple[int, ...]]) -> None:
        """Publish a list, unless another writer has taken over, and delete what no list has needed since the last."""
        self.claim.check()
        listing.write(self.objects)
        self._base.write_text(listing.key)
        unneeded = self.listing.objects - listing.objects
        self.objects.delete(self.stale - listing.objects)
        self.listing, self.stamps, self.stale = listing, stamps, unneeded

    def settle(self) -> None:
        """Publish all; give each object the name of its file, for those who read without hardneg; delete all others."""
        self.publish(last=True)
        with self.lock:
            moved = {name: each for name, each in self.listing.files.items() if each.object != name}
            copy = self.notes.with_name("sending")
            for name, each in moved.items():
                if is_database(self.folder / name):  # the file here has other bytes than its copy
                    self.objects.fetch(each.object, copy)
                self.objects.send(name, copy if copy.exists() else self.folder / name)
                copy.unlink(missing_ok=True)
            files = self.listing.files | {name: replace(each, object=name) for name, each in moved.items()}
            self._put(Listing(self.claim.generation, files), self.stamps)
            inside = [name for name in self.objects.list(INSIDE) if name not in (self.listing.name, self.claim.name)]
            self.objects.delete({*self.stale, *inside})

    def leave(self) -> None:
        """Publish what there is when the work was given up; leave nothing where that is nothing."""
        if snapshot(self.folder).keys() - {STATUS} or self.listing.files.keys() - {STATUS}:
            self.publish(last=True)
            return
        self.claim.forget = True
        self.objects.delete([self.listing.name, *self.listing.objects])
        self._base.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _sent(self, name: str, stamp: tuple[int, ...], before: StoredFile | None) -> StoredFile | None:
        """Send a file as it was when it was looked at; None if it is another by now."""
        copy = self.notes.with_name("sending")
        try:
            if not held(self.folder / name, copy, stamp):
                return None
            value, size = digest(copy), copy.stat().st_size
            if before is not None and (before.digest, before.size) == (value, size):
                return before
            taken = name in self.listing.objects or name in self.stale
            entry = StoredFile(f"{INSIDE}/{value}/{Path(name).name}" if taken else name, size, value)
            self.objects.send(entry.object, copy)
            return entry if copy.stat().st_size == size else None
        finally:
            copy.unlink(missing_ok=True)
