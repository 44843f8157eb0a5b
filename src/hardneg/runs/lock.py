"""One writer a folder, or a file: the second is told who the first is, or waits for it.

FOLDER/.writer       there while somebody writes in the folder, and locked; says who, in one line of JSON
FOLDER/.NAME.writer  the same for a file that is written by itself

The system lets go of the lock when its holder and all that it lent it to are dead, however they died. Processes that a
writer starts inherit the lock (`lent`) and its token in their environment, and write under it; so may processes on
other machines, such as the workers of a driver, that are given the token. Where a file system shares no locks between
machines, the line alone tells of a writer on another one, and nobody can see from here whether it lives.
"""

import errno
import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path

from hardneg.checksums import SUMS
from hardneg.errors import LockedError
from hardneg.files import forget_temporaries, forget_temporaries_of
from hardneg.runs.writer import Writer

WRITER = ".writer"
STATUS = ".status.json"  # what the writer is doing
TOKENS = "HARDNEG_WRITER"  # of the environment: processes that have the token of a lock write under it

_GRACE_S = 20.0  # for the processes of a writer that died to end as well
_POLL_S = 0.2
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_WAY_OUT = "wait for it (--wait does), or name another place with -o"

_log = logging.getLogger(__name__)
_waits: ContextVar[bool] = ContextVar("waits", default=False)
_inside: ContextVar[frozenset[Path]] = ContextVar("inside", default=frozenset())


@dataclass(frozen=True)
class _Held:
    path: Path
    token: str
    descriptor: int


_held: dict[Path, _Held] = {}


@contextmanager
def waiting(wanted: bool = True) -> Iterator[None]:
    """Wait inside the block where another writer is at work, in place of an error."""
    token = _waits.set(wanted)
    try:
        yield
    finally:
        _waits.reset(token)


def lent() -> tuple[int, ...]:
    """List the descriptors that a process started from here must inherit to keep the locks for as long as it lives."""
    return tuple(each.descriptor for each in _held.values())


@contextmanager
def writing(folder: Path | None) -> Iterator[None]:
    """Be the only writer of a folder inside the block; it is made if missing, and goes again if it stays empty.

    A process that was started under the lock of the folder writes under that one, and so does a call inside another.
    Where somebody else writes there, a LockedError says who, and since when. None is no folder.
    """
    if folder is None:
        yield
        return
    with _locked(folder.resolve() / WRITER, folder):
        yield


@contextmanager
def writing_file(path: Path | None) -> Iterator[None]:
    """Be the only writer of a file inside the block, as `writing` is of a folder. None is no file."""
    if path is None:
        yield
        return
    with _locked(path.resolve().with_name(f".{path.name}{WRITER}"), path):
        yield


@contextmanager
def _locked(lock: Path, written: Path) -> Iterator[None]:
    """Hold a lock inside the block; folders that were made for it go again if they stay empty."""
    if lock in _inside.get() or _is_second_rank() or _is_lent(lock):
        yield
        return
    made = [each for each in lock.parents if not each.exists()]
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = _acquired(lock, written)
    _held[lock] = held
    inside = _inside.set(_inside.get() | {lock})
    before = os.environ.get(TOKENS)
    os.environ[TOKENS] = " ".join(filter(None, (before, held.token)))
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(TOKENS, None)
        else:
            os.environ[TOKENS] = before
        _inside.reset(inside)
        del _held[lock]
        held.path.unlink(missing_ok=True)
        os.close(held.descriptor)
        with suppress(OSError):
            for each in made:
                each.rmdir()


def writer_of(folder: Path) -> Writer | None:
    """Read who writes in a folder, or was writing there when it died; None if nobody."""
    return _writer_in(folder / WRITER)


def _writer_in(lock: Path) -> Writer | None:
    try:
        return Writer(**json.loads(lock.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _acquired(path: Path, written: Path) -> _Held:
    """Lock a folder or a file, or say who has it."""
    started, is_told = time.monotonic(), False
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            is_free, other = _try_lock(descriptor, written), _writer_in(path)
            if is_free and _is_at(descriptor, path) and (other is None or other.is_here):
                me = Writer.this()
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, json.dumps(asdict(me)).encode(), 0)
                _forget_left(path)
                return _Held(path, me.token, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if _waits.get():
            if not is_told:
                _log.warning("%s is being written by %s; waiting for it", written, other or "another process")
                is_told = True
        elif time.monotonic() - started > (_GRACE_S if _is_ending(other, is_free=is_free) else 0.0):
            raise LockedError(_refusal(path, written, other, is_free=is_free))
        time.sleep(_POLL_S)


def _forget_left(lock: Path) -> None:
    """Remove what a killed writer of the place was about to put there."""
    if lock.name != WRITER:
        stem = Path(lock.name[1 : -len(WRITER)]).stem
        forget_temporaries_of(lock.parent, stem)
    elif any((lock.parent / name).exists() for name in (SUMS, STATUS)):
        forget_temporaries(lock.parent)


def _is_ending(other: Writer | None, *, is_free: bool) -> bool:
    """Say whether a writer is gone, and only processes of its own, which notice that, are left; or is about to be."""
    return other is None or (not is_free and other.is_here and not other.lives)


def _try_lock(descriptor: int, written: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise LockedError(
                f"{written} lies on a file system that knows no locks ({error.strerror}), so nothing keeps a second "
                "writer out; work in a folder on another one, and copy it there when it is done"
            ) from None
        raise
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Say whether the locked file is still the one of that name: its holder removes it in the end."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _refusal(lock: Path, written: Path, other: Writer | None, *, is_free: bool) -> str:
    if other is None:
        return f"{written} is being written by another process; {_WAY_OUT}"
    if is_free:  # the line is of another machine, and nobody here holds the lock
        return (
            f"{written} is being written by {other}; whether it still works cannot be seen from this machine: "
            f"{_WAY_OUT}. If it is gone, delete {lock}"
        )
    if not other.is_here or other.lives:
        return f"{written} is being written by {other}; {_WAY_OUT}"
    return f"{written} is still written by processes that {other} started before it ended; {_WAY_OUT}"


def _is_lent(lock: Path) -> bool:
    """Say whether this process was started under a lock."""
    mine = {each.token for each in _held.values()}
    tokens = set(os.environ.get(TOKENS, "").split()) - mine
    writer = _writer_in(lock) if tokens else None
    return writer is not None and writer.token in tokens


def _is_second_rank() -> bool:
    """Say whether this is one of several processes that train one model, and not the first, which holds the lock."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and os.environ.get("RANK", "0") != "0"
