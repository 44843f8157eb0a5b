"""Ctrl-C as a wish that is granted at the end of a step."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def noticing_signals() -> Iterator[Callable[[], bool]]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a flag; a second acts as always. Only in the main thread."""
    came = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield came.is_set
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asks that the end of a terminal ends nothing
        before[signal.SIGHUP] = signal.getsignal(signal.SIGHUP)

    def notice(_number: int, _frame: FrameType | None) -> None:
        came.set()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, notice)
    try:
        yield came.is_set
    finally:
        restore()
