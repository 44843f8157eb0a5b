"""Asking for questions, several documents at a time, and keeping each answer as it comes."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from anyio.from_thread import start_blocking_portal

from hardneg.domains.documents.writer import LLMWriter, read_written
from hardneg.endpoints.asking import connections, persist, share_out
from hardneg.endpoints.key import ApiKey
from hardneg.endpoints.problem import NoAnswer, shortened
from hardneg.endpoints.route import Route
from hardneg.errors import RunError
from hardneg.progress import Advance
from hardneg.scoring.llm.verdict import read_reply

_LONGEST = 2**20  # bytes of an answer
_IN_VAIN = 20  # documents in a row without an answer: the model, or the server, cannot do it


@dataclass(eq=False)
class Writing:
    """What it takes to write, and how far that came."""

    writer: LLMWriter
    key: ApiKey
    keep: Callable[[Mapping[bytes, bytes]], None]  # called in the thread of the event loop
    advance: Advance
    in_vain: int = field(default=0, init=False)  # documents in a row
    failure: Exception | None = field(default=None, init=False)


def write_all(writing: Writing, texts: Sequence[tuple[bytes, str]]) -> None:
    """Write for texts; an exception in the calling thread, Ctrl-C too, cancels the open requests."""
    with start_blocking_portal(name="questions") as portal:
        portal.start_task_soon(_write_all, writing, iter(texts)).result()
    if writing.failure is not None:
        raise writing.failure


async def _write_all(writing: Writing, texts: Iterator[tuple[bytes, str]]) -> None:
    writer = writing.writer
    async with connections(writer.concurrency) as http:
        url = f"{writer.base_url.rstrip('/')}/chat/completions"
        route = Route(http, url, writer.model, writing.key, writer.api_key_env, writer.timeout_s)
        await share_out(partial(_work, route, writing), texts, at_once=writer.concurrency)


async def _work(route: Route, writing: Writing, texts: Iterator[tuple[bytes, str]]) -> None:
    writer = writing.writer
    while writing.failure is None and (each := next(texts, None)) is not None:
        try:
            await persist(
                partial(_ask, route, writing, *each),
                max_retries=writer.max_retries,
                backoff_s=writer.backoff_s,
                seed=int.from_bytes(each[0][:7]),
            )
            writing.in_vain = 0
        except NoAnswer as problem:
            writing.in_vain += 1
            if writing.in_vain >= _IN_VAIN or (problem.kind == "server" and problem.retry):
                seen = writing.key.hide(str(problem))
                writing.failure = writing.failure or RunError(
                    f"{route.url} wrote nothing ({seen}); what came before is kept: run the same command again, which "
                    "asks and pays only for what is missing"
                )
        except Exception as error:  # recorded, since the group of tasks would wrap it
            writing.failure = writing.failure or error
        writing.advance(1)


async def _ask(route: Route, writing: Writing, key: bytes, text: str) -> None:
    response = await route.post(writing.writer.body(text), longest=_LONGEST)
    route.check(response)
    reply = writing.key.hide(read_reply(writing.key.hide(response.text)).text)
    written = read_written(reply, writing.writer.styles)
    if written is None:
        wanted = ", ".join(writing.writer.styles)
        raise NoAnswer("malformed", f"no JSON object with {wanted}, but {shortened(reply)!r}", retry=True)
    writing.keep({key: json.dumps(written, ensure_ascii=False).encode()})
