"""One judge at an OpenAI-compatible endpoint."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import httpx2

from hardneg.endpoints.asking import connections, persist
from hardneg.endpoints.key import ApiKey
from hardneg.endpoints.problem import NoAnswer
from hardneg.endpoints.route import Route
from hardneg.scoring.llm.judge import LLMJudge
from hardneg.scoring.llm.prompt import Messages
from hardneg.scoring.llm.verdict import NoVerdict, Reply, Verdict, read_reply, read_verdict, response_format

_LONGEST_ANSWER = 2**22  # bytes, unpacked


class Client:
    """Asks for verdicts, again where that may help."""

    def __init__(self, http: httpx2.AsyncClient, judge: LLMJudge, key: ApiKey) -> None:
        self._judge, self._key = judge, key
        url = f"{judge.base_url.rstrip('/')}/chat/completions"
        self._route = Route(http, url, judge.model, key, judge.api_key_env, judge.timeout_s)
        self._left_out: set[str] = set()  # options that the server refuses

    async def verdict(self, messages: Messages, *, seed: int) -> tuple[Verdict, Reply]:
        """Get the verdict on one pair; the key stands neither in it nor in the answer that it was read from.

        A failure that stays is a `NoVerdict`; a server that will answer no request of this kind is a `ModelError`.
        """
        judge = self._judge
        try:
            return await persist(
                partial(self._attempt, messages), max_retries=judge.max_retries, backoff_s=judge.backoff_s, seed=seed
            )
        except NoAnswer as failure:
            raise NoVerdict(failure.kind, self._key.hide(str(failure)), retry=False) from None

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
        self._route.check(response)
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
        body = {"model": self._judge.model, "messages": messages} | self._options(left_out)
        return await self._route.post(body, longest=_LONGEST_ANSWER)


@asynccontextmanager
async def open_client(judge: LLMJudge, key: ApiKey) -> AsyncIterator[Client]:
    """Open connections to the endpoint of a judge."""
    async with connections(judge.concurrency) as http:
        yield Client(http, judge, key)
