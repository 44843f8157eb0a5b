"""Serving a review on this machine alone."""

import os
import secrets
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from hardneg.errors import MissingExtraError, RunError

if TYPE_CHECKING:
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
        try:
            uvicorn.Server(config).run(sockets=[listening])
        except KeyboardInterrupt:  # the usual end of a review; every verdict is on disk
            return
