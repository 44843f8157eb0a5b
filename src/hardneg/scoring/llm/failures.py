"""Why a pair got no verdict, and what to tell the user about it."""

from collections import Counter
from pathlib import Path
from typing import Literal

from hardneg.errors import RunError

Kind = Literal["server", "malformed", "refused"]
_WORDS = {
    "server": "the server gave no answer",
    "malformed": "the answer was malformed",
    "refused": "the request or the answer was refused",
}


class NoVerdict(Exception):  # noqa: N818 - it is counted, and raised to the user only in sum
    """One request, or one pair after its last attempt, brought no verdict."""

    def __init__(self, kind: Kind, message: str, *, retry: bool, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry = retry
        self.wait_s = wait_s


def failure_report(failures: list[NoVerdict], *, name: str, n_pairs: int, n_asked: int, path: Path) -> RunError:
    """Sum up what went wrong, and say how to go on."""
    n_open = n_pairs - n_asked + len(failures)
    count = Counter(failure.kind for failure in failures)
    first = {failure.kind: str(failure) for failure in reversed(failures)}
    parts = [f"for {number} {_WORDS[kind]} (first: {first[kind]})" for kind, number in count.items()]
    if n_pairs > n_asked:
        parts.append(f"{n_pairs - n_asked} were not asked about, since nothing but failures came back")
    return RunError(
        f"{name!r} has no verdict for {n_open} of {n_pairs} pairs: {'; '.join(parts)}. The other {n_pairs - n_open} "
        f"verdicts are kept in {path}: run the same command again, which asks and pays only for what is missing"
    )
