"""One judge at an OpenAI-compatible endpoint, over HTTP.

The client is httpx2, on which the openai package is built too; that package itself draws the scatter of its waits from
the global random state and gives up when a server asks for more than two minutes, and one route is all that is needed.
"""

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import anyio
import httpx2

from hardneg.errors import ModelError
from hardneg.randomness import uniform
from hardneg.scoring.llm.judge import LLMJudge
from hardneg.scoring.llm.key import ApiKey
from hardneg.scoring.llm.prompt import Messages
from hardneg.scoring.llm.verdict import (
    NoVerdict,
    Reply,
    Verdict,
    read_problem,
    read_reply,
    read_verdict,
    response_format,
)

LONGEST_S = 60.0  # of waits that nobody asked for
_LONGEST_ASKED_S = 600.0  # a server that asks for more has run out of a day's quota
_LONGEST_ANSWER = 2**22  # bytes, unpacked
_PACKED = ("content-encoding", "content-length", "transfer-encoding")  # headers that hold before an answer is unpacked
_MALFORMED_RETRIES = 2  # each of them is paid for
_BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
_WAYS_OUT = {
    401: "set the key in the environment variable ${variable}",
    402: "the account has no credit: add some",
    403: "this key may not use this model: use another",
    404: "check the model's name and base_url, which mostly ends in /v1",
}


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


class Client:
    """Asks for verdicts, again where that may help."""

    def __init__(self, http: httpx2.AsyncClient, judge: LLMJudge, key: ApiKey) -> None:
        self._http, self._judge, self._key = http, judge, key
        self._url = f"{judge.base_url.rstrip('/')}/chat/completions"
        self._left_out: set[str] = set()  # options that the server refuses

    async def verdict(self, messages: Messages, *, seed: int) -> tuple[Verdict, Reply]:
        """Get the verdict on one pair; the key stands neither in it nor in the answer that it was read from.

        A failure that stays is a `NoVerdict`; a server that will answer no request of this kind is a `ModelError`.
        """
        n_malformed = 0
        for attempt in range(self._judge.max_retries + 1):
            try:
                return await self._attempt(messages)
            except NoVerdict as failure:
                n_malformed += failure.kind == "malformed"
                last = attempt == self._judge.max_retries or n_malformed > _MALFORMED_RETRIES
                if last or not failure.retry:
                    raise NoVerdict(failure.kind, self._key.hide(str(failure)), retry=False) from None
                await anyio.sleep(self._wait_s(failure, attempt, seed))
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(self, messages: Messages) -> tuple[Verdict, Reply]:
        reply = await self._ask(messages)
        verdict = read_verdict(reply.text, self._judge.answer)
        return Verdict(verdict.verdict, self._key.hide(verdict.reason)), reply

    async def _ask(self, messages: Messages) -> Reply:
        """Send one request; options that the server refuses are left out, from then on if that helped."""
        left_out = set(self._left_out)
        response = await self._post(messages, left_out)
        while response.status_code in (400, 422) and (option := self._blamed(response, left_out)):
            left_out.add(option)
            response = await self._post(messages, left_out)
        self._check(response)
        self._left_out = left_out
        reply = read_reply(self._key.hide(response.text))
        return replace(reply, text=self._key.hide(reply.text))

    def _options(self, left_out: set[str]) -> dict[str, Any]:
        judge = self._judge
        # Newer models know the limit by another name alone.
        limit = "max_completion_tokens" if "max_tokens" in left_out else "max_tokens"
        options = {
            "response_format": response_format(judge.answer),
            "temperature": judge.temperature,
            limit: judge.max_answer_tokens,
        }
        return {name: value for name, value in options.items() if value is not None and name not in left_out}

    def _blamed(self, response: httpx2.Response, left_out: set[str]) -> str | None:
        """Give the option that an error names; the first suspect, when it names none, is the schema."""
        sent = self._options(left_out)
        named = [name for name in sent if name in response.text]
        return named[0] if named else "response_format" if "response_format" in sent else None

    async def _post(self, messages: Messages, left_out: set[str]) -> httpx2.Response:
        judge = self._judge
        body = {"model": judge.model, "messages": messages} | self._options(left_out)
        try:
            with anyio.fail_after(judge.timeout_s):
                return await self._received(body)
        except TimeoutError:
            raise NoVerdict("server", f"no answer within {judge.timeout_s:g} s", retry=True) from None
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise NoVerdict("server", f"{type(error).__name__}: {error}", retry=True) from None

    async def _received(self, body: Mapping[str, Any]) -> httpx2.Response:
        """Send a request and read the answer, but no more of it than an answer can have."""
        content = bytearray()
        async with self._http.stream("POST", self._url, json=body, headers=self._key.header()) as response:
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > _LONGEST_ANSWER:
                    raise NoVerdict("server", f"an answer of more than {_LONGEST_ANSWER:,} bytes", retry=True)
        plain = {name: value for name, value in response.headers.items() if name.lower() not in _PACKED}
        return httpx2.Response(response.status_code, headers=plain, content=bytes(content))

    def _check(self, response: httpx2.Response) -> None:
        """Sort out what is no answer: hopeless for all pairs, for this one, or for the moment."""
        if response.is_success:
            return
        status = response.status_code
        message, code = read_problem(self._key.hide(response.text))
        seen = f"HTTP {status}{f': {message}' if message else ''}"
        if status in _WAYS_OUT or code == "insufficient_quota" or response.is_redirect:
            raise self._hopeless(status if code != "insufficient_quota" else 402, seen)
        if status in _BUSY or response.is_server_error:
            wait_s = retry_after_s(response.headers)
            patient = wait_s is None or wait_s <= _LONGEST_ASKED_S
            asks = "" if patient else f" (it asks to wait {wait_s:g} s)"
            raise NoVerdict("server", seen + asks, retry=patient, wait_s=wait_s)
        raise NoVerdict("refused", seen, retry=False)

    def _hopeless(self, status: int, seen: str) -> ModelError:
        way_out = _WAYS_OUT.get(status, "set base_url to where it redirects to")
        way_out = way_out.replace("{variable}", self._judge.api_key_env or "NAME named by api_key_env")
        message = self._key.hide(seen)
        return ModelError(f"{self._url} does not answer for model {self._judge.model!r} ({message}); {way_out}")

    def _wait_s(self, failure: NoVerdict, attempt: int, seed: int) -> float:
        if failure.kind == "malformed":
            return 0.0
        scattered = backoff_s(attempt, first_s=self._judge.backoff_s, seed=seed)
        return scattered if failure.wait_s is None else max(failure.wait_s, scattered)


@asynccontextmanager
async def open_client(judge: LLMJudge, key: ApiKey) -> AsyncIterator[Client]:
    """Open connections to the endpoint of a judge."""
    limits = httpx2.Limits(max_connections=judge.concurrency, max_keepalive_connections=judge.concurrency)
    async with httpx2.AsyncClient(timeout=None, limits=limits) as http:
        yield Client(http, judge, key)
