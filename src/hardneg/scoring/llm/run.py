"""Judging many pairs at a time, and keeping each verdict as it comes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

import anyio
from anyio.from_thread import start_blocking_portal

from hardneg.endpoints.key import ApiKey
from hardneg.progress import Advance
from hardneg.scoring.llm.cache import VerdictRecord
from hardneg.scoring.llm.client import Client, open_client
from hardneg.scoring.llm.judge import LLMJudge
from hardneg.scoring.llm.prompt import Messages
from hardneg.scoring.llm.verdict import NoVerdict

_DOWN = 5  # pairs in a row, each with all its retries, that the server left without an answer
_UNABLE = 50  # pairs in a row without a verdict for whatever reason: the model cannot do it


@dataclass
class Tally:
    """How far judging came."""

    n_judged: int = 0
    failures: list[NoVerdict] = field(default_factory=list)
    down: int = 0  # pairs in a row that the server did not answer for
    in_vain: int = 0  # pairs in a row without a verdict
    fatal: Exception | None = None

    @property
    def hopeless(self) -> bool:
        """Whether to ask about no further pair."""
        return self.fatal is not None or self.down >= _DOWN or self.in_vain >= _UNABLE

    def succeed(self) -> None:
        """Count a verdict."""
        self.n_judged += 1
        self.down = self.in_vain = 0

    def fail(self, failure: NoVerdict) -> None:
        """Count a pair without a verdict."""
        self.failures.append(failure)
        self.in_vain += 1
        self.down = self.down + 1 if failure.kind == "server" else 0


@dataclass(frozen=True, eq=False)
class Judging:
    """What it takes to judge pairs."""

    judge: LLMJudge
    key: ApiKey
    pairs: Iterator[tuple[bytes, Messages]]
    keep: Callable[[VerdictRecord], None]  # called with each verdict at once, in the thread of the event loop
    advance: Advance


def judge_pairs(judging: Judging) -> Tally:
    """Judge pairs, several at a time; an exception in the calling thread, Ctrl-C too, cancels the open requests.

    The event loop has a thread of its own, so that this works inside a running one, in a notebook for instance.
    """
    with start_blocking_portal(name="llm-judge") as portal:
        tally = portal.start_task_soon(_judge_all, judging).result()
    if tally.fatal is not None:
        raise tally.fatal
    return tally


async def _judge_all(judging: Judging) -> Tally:
    tally = Tally()
    async with open_client(judging.judge, judging.key) as client:
        # One alone: a wrong key or model costs one request, not one for each connection.
        await _work(client, judging, islice(judging.pairs, 1), tally)
        async with anyio.create_task_group() as group:
            for _ in range(judging.judge.concurrency):
                group.start_soon(_work, client, judging, judging.pairs, tally, group.cancel_scope)
    return tally


async def _work(
    client: Client,
    judging: Judging,
    share: Iterator[tuple[bytes, Messages]],
    tally: Tally,
    others: anyio.CancelScope | None = None,
) -> None:
    """Judge one pair after the other until none is left, or until one shows that there is no use."""
    while not tally.hopeless and (pair := next(share, None)) is not None:
        try:
            judging.keep(await _judge_one(client, judging.judge, *pair))
            tally.succeed()
        except NoVerdict as failure:
            tally.fail(failure)
        except Exception as error:  # recorded, since the group of tasks would wrap it
            tally.fatal = tally.fatal or error
            if others is not None:
                others.cancel()
            return
        judging.advance(1)


async def _judge_one(client: Client, judge: LLMJudge, pair: bytes, messages: Messages) -> VerdictRecord:
    verdict, reply = await client.verdict(messages, seed=int.from_bytes(pair[:7]))
    return VerdictRecord(
        pair=pair,
        model=judge.model,
        answer=judge.answer,
        verdict=verdict.verdict,
        reason=verdict.reason,
        raw=reply.text,
        tokens_in=reply.tokens_in,
        tokens_out=reply.tokens_out,
        judged_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
