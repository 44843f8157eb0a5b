"""Texts to vectors over HTTP: in batches, several at a time, each kept as it comes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from anyio.from_thread import start_blocking_portal

from hardneg.endpoints.asking import connections, persist, share_out
from hardneg.endpoints.key import ApiKey
from hardneg.endpoints.problem import NoAnswer, shortened
from hardneg.endpoints.route import Route
from hardneg.errors import ModelError, RunError
from hardneg.models.served.address import ServedModel
from hardneg.models.served.reply import read_vectors

Batch = list[tuple[bytes, str]]  # what a vector is kept under, and the text

_HEAD, _OF_A_VECTOR = 2**20, 2**17  # bytes of an answer: 4,096 numbers of 32 digits


@dataclass(eq=False)
class Fetching:
    """What is asked for, and how far that came."""

    server: ServedModel
    key: ApiKey
    asked: Mapping[str, object]  # beside the texts
    dimensions: int | None
    keep: Callable[[Mapping[bytes, bytes]], None]  # called in the thread of the event loop
    concurrency: int
    failure: Exception | None = field(default=None, init=False)


def fetch(fetching: Fetching, texts: Sequence[tuple[bytes, str]]) -> None:
    """Have texts encoded; an exception in the calling thread, Ctrl-C too, cancels the open requests.

    The event loop has a thread of its own, so that this works inside a running one, in a notebook for instance.
    """
    with start_blocking_portal(name="embeddings") as portal:
        portal.start_task_soon(_fetch_all, fetching, batches(texts, fetching.server)).result()
    if fetching.failure is not None:
        raise fetching.failure


def batches(texts: Sequence[tuple[bytes, str]], server: ServedModel) -> Iterator[Batch]:
    """Cut texts into requests, by number and by length."""
    batch: Batch = []
    size = 0
    for key, text in texts:
        if batch and (len(batch) == server.batch or size + len(text) > server.batch_characters):
            yield batch
            batch, size = [], 0
        batch.append((key, text))
        size += len(text)
    if batch:
        yield batch


async def _fetch_all(fetching: Fetching, parts: Iterator[Batch]) -> None:
    server = fetching.server
    async with connections(fetching.concurrency) as http:
        url = f"{server.base_url}/embeddings"
        route = Route(http, url, server.model, fetching.key, server.api_key_env, server.timeout_s)
        await share_out(partial(_work, route, fetching), parts, at_once=fetching.concurrency)


async def _work(route: Route, fetching: Fetching, parts: Iterator[Batch]) -> None:
    """Ask for one batch after the other, until none is left or one has failed; those under way are waited for."""
    while fetching.failure is None and (batch := next(parts, None)) is not None:
        try:
            await _halving(route, fetching, batch)
        except Exception as error:  # recorded, since the group of tasks would wrap it
            fetching.failure = fetching.failure or error


async def _halving(route: Route, fetching: Fetching, batch: Batch) -> None:
    """Ask for a batch; one that is refused is halved, until the text is alone that is to blame."""
    server = fetching.server
    try:
        await persist(
            partial(_ask, route, fetching, batch),
            max_retries=server.max_retries,
            backoff_s=server.backoff_s,
            seed=int.from_bytes(batch[0][0][:7]),
        )
    except NoAnswer as failure:
        if failure.kind == "refused" and len(batch) > 1:
            middle = len(batch) // 2
            await _halving(route, fetching, batch[:middle])
            await _halving(route, fetching, batch[middle:])
            return
        raise _given_up(route, fetching, failure, batch) from None


async def _ask(route: Route, fetching: Fetching, batch: Batch) -> None:
    texts = [text for _, text in batch]
    body = {**fetching.asked, "input": texts, "encoding_format": fetching.server.encoding_format}
    response = await route.post(body, longest=_HEAD + _OF_A_VECTOR * len(batch))
    route.check(response)
    try:
        vectors = read_vectors(response.text, len(batch), dimensions=fetching.dimensions)
    except ModelError as error:
        raise ModelError(f"{route.url}, model {route.model!r}: {fetching.key.hide(str(error))}") from None
    fetching.keep({key: vector.tobytes() for (key, _), vector in zip(batch, vectors, strict=True)})


def _given_up(route: Route, fetching: Fetching, failure: NoAnswer, batch: Batch) -> Exception:
    seen = fetching.key.hide(str(failure))
    if failure.kind == "refused":
        text = batch[0][1]
        return ModelError(
            f"{route.url} refuses a text of {len(text):,} characters, {shortened(text)!r} ({seen}); if it is too long "
            "for the model, set max_characters in the address; if an option is not known there, leave it out"
        )
    return RunError(
        f"{route.url} gave no vectors for {len(batch)} texts, asked {fetching.server.max_retries + 1} times at most "
        f"({seen}); what came before is kept: run the same command again, which asks and pays only for what is missing"
    )
