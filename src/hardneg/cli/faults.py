"""What the system does to a command, said in one message: signals, full disks, missing rights, too little memory."""

import errno
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from hardneg.errors import HardnegError

_AGAIN_S = 0.05
_NEAR = 1 << 28  # bytes: what a thread, or an allocator, asks for at once
_GOES_ON = "the same command goes on where it stopped"
_WAYS_OUT = {
    errno.ENOSPC: f"make room; {_GOES_ON}",
    errno.EDQUOT: f"make room within your quota; {_GOES_ON}",
    errno.EFBIG: f"the system allows no file of that size (ulimit -f); {_GOES_ON}",
    errno.EROFS: "name a place that can be written to",
    errno.EACCES: "name a place that you may use, or ask for the right to use this one",
    errno.EPERM: "name a place that you may use, or ask for the right to use this one",
    errno.EMFILE: f"raise the number of files that a process may open (ulimit -n); {_GOES_ON}",
    errno.ENFILE: f"the system has too many open files; {_GOES_ON}",
    errno.ENOMEM: f"give it more memory; {_GOES_ON}",
    errno.EIO: "the disk cannot be read or written; look at the system's log",
}
# What other libraries say of the same in errors of their own.
_SAID = {
    "No space left on device": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "File too large": errno.EFBIG,
    "Too many open files": errno.EMFILE,
    "Cannot allocate memory": errno.ENOMEM,
    "can't allocate memory": errno.ENOMEM,
    "not enough memory": errno.ENOMEM,
    "could not create a primitive": errno.ENOMEM,  # oneDNN, whose buffers were refused
    "could not create a memory": errno.ENOMEM,
    "bad allocation": errno.ENOMEM,
    "bad_alloc": errno.ENOMEM,
    "returned NULL without setting an exception": errno.ENOMEM,  # C that had no room for one
    "can't start new thread": errno.ENOMEM,
    "Read-only file system": errno.EROFS,
    "Permission denied": errno.EACCES,
}


def told_fault(error: BaseException) -> str | None:
    """Say what the system did and the way out; None if it was not the system."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return f"there is too little memory ({text or 'an allocation failed'}); {_WAYS_OUT[errno.ENOMEM]}"
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        number = next((each for words, each in _SAID.items() if words in text), None)
    way_out = _WAYS_OUT.get(number) if number is not None else None
    if isinstance(error, OSError):
        where = f"{error.filename}: {error.strerror}" if error.filename else text
        return where if way_out is None else f"{where}; {way_out}"
    return None if way_out is None else f"{text}; {way_out}"


def told_shortage(error: BaseException) -> str | None:
    """Say that memory was short when something failed, whatever failed: libraries and Python's parser lose why.

    None if this process may take all there is, or came nowhere near what it may take.
    """
    limit, peak = _limit(), _peak()
    if limit is None or peak < limit - _NEAR:
        return None
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{text}; the command had taken nearly all that it may (ulimit -v): {_WAYS_OUT[errno.ENOMEM]}"


def _limit() -> int | None:
    """Bytes of addresses that this process may have; None if that is no less than the memory of the machine."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    is_none = limit == resource.RLIM_INFINITY or limit > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None if is_none else limit


def _peak() -> int:
    """Bytes of addresses that this process had at most; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmPeak:")), 0)


def was_interrupted(error: BaseException | None) -> bool:
    """Say whether Ctrl-C, or a signal that means the same, is behind an error.

    A library in Rust that calls Python makes an error of its own of it, with a text of what was raised.
    """
    while error is not None:
        is_foreign = not isinstance(error, HardnegError)
        if isinstance(error, KeyboardInterrupt) or (is_foreign and "KeyboardInterrupt" in str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def told_limit() -> str | None:
    """Say that this process may take less memory than there is, which some libraries do not survive in words."""
    limit = _limit()
    if limit is None:
        return None
    return (
        f"this command may take {limit / 1e9:.1f} GB of address space (ulimit -v); if it ends without a word, that was "
        f"too little for a library: {_WAYS_OUT[errno.ENOMEM]}"
    )


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Let SIGTERM and the end of the terminal, unless they are ignored, end a command as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    came, hook = [signal.SIGINT], sys.unraisablehook
    waiting: list[threading.Timer] = []

    def end(number: int, _frame: FrameType | None) -> None:
        came.append(signal.Signals(number))
        raise KeyboardInterrupt

    def again(lost: "sys.UnraisableHookArgs") -> None:
        """Send a signal again that came while C called Python, where an exception is dropped.

        An object that was interrupted while it was made lacks what it lets go of: that is nobody's news.
        """
        if issubclass(lost.exc_type, KeyboardInterrupt):
            waiting.append(threading.Timer(_AGAIN_S, os.kill, (os.getpid(), came[-1])))
            waiting[-1].start()
        elif not (issubclass(lost.exc_type, AttributeError) and getattr(lost.object, "__name__", "") == "__del__"):
            hook(lost)

    sys.unraisablehook = again
    for number, handler in before.items():
        if handler is signal.SIG_DFL:
            signal.signal(number, end)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for each in waiting:  # a command that has ended needs no signal any more
            each.cancel()
        with suppress(TypeError):  # a handler that was not set from Python
            for number, handler in before.items():
                signal.signal(number, handler)
