"""What it costs to ask a server."""

from collections.abc import Callable, Sequence
from typing import Protocol

CHARACTERS_PER_TOKEN = 4  # of English text, as a rule of thumb; code and other scripts take more tokens


class Bill(Protocol):
    """What will be asked of a server, found out before anything is sent; its text says it to people."""

    @property
    def n_asked(self) -> int:
        """How much of it is not there yet, so that it must be asked for."""


Agree = Callable[[Sequence[Bill]], None]  # called with bills before anything is asked; it may raise to stop
