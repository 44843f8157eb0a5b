"""Serving a review on this machine alone."""

import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from hardneg.errors import MissingExtraError, RunError

if TYPE_CHECKING:
    import uvicorn

    from hardneg.review.session import ReviewSession

_LOOPBACK = "127.0.0.1"
_TOKEN_BYTES = 24


def check_installed() -> None:
    """Make sure that the extra `review` is there, before anything is read."""
    for package in ("starlette", "uvicorn"):
        try:
            __import__(package)
        except ImportError as error:
            raise MissingExtraError(package, extra="review", purpose="the review page") from error


def serve(session: "ReviewSession", *, port: int, announce: Callable[[str], None]) -> None:
    """Serve a review until Ctrl-C or SIGTERM."""
    import uvicorn

    from hardneg.review.application import application

    token = secrets.token_urlsafe(_TOKEN_BYTES)
    config = uvicorn.Config(
        application(session, token),
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        use_colors=False if os.environ.get("NO_COLOR") else None,  # None looks whether there is a terminal
    )
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((_LOOPBACK, port))
        except (OSError, OverflowError) as error:
            raise RunError(f"port {port} cannot be listened on ({error}); name another with --port") from error
        listening.listen()
        announce(f"http://{_LOOPBACK}:{listening.getsockname()[1]}/{token}/")
        server = uvicorn.Server(config)
        with suppress(KeyboardInterrupt), _ended_by_hangup(server):  # the usual ends; every verdict is on disk
            server.run(sockets=[listening])


@contextmanager
def _ended_by_hangup(server: "uvicorn.Server") -> Iterator[None]:
    """Let the end of the terminal, unless it is ignored, end a server as Ctrl-C does; it has that and SIGTERM alone."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        yield
        return
    before = signal.signal(signal.SIGHUP, server.handle_exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
