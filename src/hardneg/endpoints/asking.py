"""Many requests of one kind: several at a time, and each again where that may help."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, TypeVar

import anyio
import httpx2

from hardneg.endpoints.problem import NoAnswer
from hardneg.endpoints.waiting import backoff_s as scattered_s

T = TypeVar("T")

_MALFORMED_RETRIES = 2  # each of them is paid for


@asynccontextmanager
async def connections(n: int) -> AsyncIterator[httpx2.AsyncClient]:
    """Open so many connections at most."""
    limits = httpx2.Limits(max_connections=n, max_keepalive_connections=n)
    async with httpx2.AsyncClient(timeout=None, limits=limits) as http:
        yield http


async def share_out(
    work: Callable[[Iterator[T]], Coroutine[Any, Any, None]], jobs: Iterator[T], *, at_once: int
) -> None:
    """Have so many tasks take jobs from one iterator; the first job goes alone.

    A wrong key or model then costs one request, not one for each connection.
    """
    await work(islice(jobs, 1))
    async with anyio.create_task_group() as group:
        for _ in range(at_once):
            group.start_soon(work, jobs)


async def persist(ask: Callable[[], Awaitable[T]], *, max_retries: int, backoff_s: float, seed: int) -> T:
    """Ask until there is an answer; a failure that no further attempt may mend is raised as it is.

    What is malformed is asked for at once, and twice at most; a server that is busy is waited for.
    """
    n_malformed = 0
    for attempt in range(max_retries + 1):
        try:
            return await ask()
        except NoAnswer as failure:
            n_malformed += failure.kind == "malformed"
            if not failure.retry or attempt == max_retries or n_malformed > _MALFORMED_RETRIES:
                raise
            if failure.kind != "malformed":
                await anyio.sleep(max(failure.wait_s or 0.0, scattered_s(attempt, first_s=backoff_s, seed=seed)))
    raise AssertionError("the last attempt returns or raises")
