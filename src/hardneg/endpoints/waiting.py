"""How long to wait before a request is made again."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from hardneg.randomness import uniform

LONGEST_S = 60.0  # of waits that nobody asked for
LONGEST_ASKED_S = 600.0  # a server that asks for more has run out of a day's quota


def backoff_s(attempt: int, *, first_s: float, seed: int) -> float:
    """Double the wait with each attempt, and scatter it so that requests do not come back in step."""
    doubled = min(first_s * 2.0 ** min(attempt, 60), LONGEST_S)
    return float(doubled * (0.5 + uniform(seed, attempt)))


def retry_after_s(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Read how long a server asks to wait.

    References:
        RFC 9110, section 10.2.3: seconds or a date. `retry-after-ms` is a widespread addition.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1_000
    given = headers.get("retry-after")
    seconds = _number(given)
    if seconds is not None or given is None:
        return seconds
    try:
        date = parsedate_to_datetime(given)
    except (ValueError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
