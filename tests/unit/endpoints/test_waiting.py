from datetime import UTC, datetime

import numpy as np
import pytest

from hardneg.endpoints.waiting import LONGEST_S, backoff_s, retry_after_s

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def test_waits_double_up_to_a_limit_and_are_scattered_by_half():
    for attempt in range(12):
        doubled = min(2.0**attempt, LONGEST_S)
        waits = np.array([backoff_s(attempt, first_s=1.0, seed=seed) for seed in range(200)])
        assert (waits >= doubled / 2).all()
        assert (waits <= doubled * 1.5).all()
        assert abs(waits.mean() / doubled - 1) < 0.1
    assert backoff_s(10_000, first_s=1.0, seed=0) <= LONGEST_S * 1.5


def test_the_same_pair_waits_equally_long_each_time():
    assert backoff_s(2, first_s=1.0, seed=7) == backoff_s(2, first_s=1.0, seed=7)
    assert backoff_s(2, first_s=1.0, seed=7) != backoff_s(2, first_s=1.0, seed=8)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "20", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 -0000"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_what_the_server_asks_for(headers, expected):
    assert retry_after_s(headers, now=NOW) == expected
