"""One route of a server, over HTTP.

The client is httpx2, on which the openai package is built too; that package itself draws the scatter of its waits from
the global random state and gives up when a server asks for more than two minutes, and one route is all that is needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import anyio
import httpx2

from hardneg.endpoints.key import ApiKey
from hardneg.endpoints.problem import NoAnswer, read_problem
from hardneg.endpoints.waiting import LONGEST_ASKED_S, retry_after_s
from hardneg.errors import ModelError

_PACKED = ("content-encoding", "content-length", "transfer-encoding")  # headers that hold before an answer is unpacked
_BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
_WAYS_OUT = {
    401: "set the key in the environment variable ${variable}",
    402: "the account has no credit: add some",
    403: "this key may not use this model: use another",
    404: "check the model's name and base_url, which mostly ends in /v1",
}


@dataclass(frozen=True, eq=False)
class Route:
    """Where requests about one model go, and with what key; `variable` is where the key is read from."""

    http: httpx2.AsyncClient
    url: str
    model: str
    key: ApiKey
    variable: str
    timeout_s: float

    async def post(self, body: Mapping[str, Any], *, longest: int) -> httpx2.Response:
        """Send a request and read the answer, but no more than so many bytes of it; a NoAnswer where none comes."""
        try:
            with anyio.fail_after(self.timeout_s):
                return await self._received(body, longest)
        except TimeoutError:
            raise NoAnswer("server", f"no answer within {self.timeout_s:g} s", retry=True) from None
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise NoAnswer("server", f"{type(error).__name__}: {error}", retry=True) from None

    async def _received(self, body: Mapping[str, Any], longest: int) -> httpx2.Response:
        content = bytearray()
        async with self.http.stream("POST", self.url, json=body, headers=self.key.header()) as response:
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > longest:
                    raise NoAnswer("server", f"an answer of more than {longest:,} bytes", retry=True)
        plain = {name: value for name, value in response.headers.items() if name.lower() not in _PACKED}
        return httpx2.Response(response.status_code, headers=plain, content=bytes(content))

    def check(self, response: httpx2.Response) -> None:
        """Sort out what is no answer: hopeless for all requests, for this one, or for the moment."""
        if response.is_success:
            return
        status = response.status_code
        message, code = read_problem(self.key.hide(response.text))
        seen = f"HTTP {status}{f': {message}' if message else ''}"
        if status in _WAYS_OUT or code == "insufficient_quota" or response.is_redirect:
            raise self._hopeless(status if code != "insufficient_quota" else 402, seen)
        if status in _BUSY or response.is_server_error:
            wait_s = retry_after_s(response.headers)
            patient = wait_s is None or wait_s <= LONGEST_ASKED_S
            asks = "" if patient else f" (it asks to wait {wait_s:g} s)"
            raise NoAnswer("server", seen + asks, retry=patient, wait_s=wait_s)
        raise NoAnswer("refused", seen, retry=False)

    def _hopeless(self, status: int, seen: str) -> ModelError:
        way_out = _WAYS_OUT.get(status, "set base_url to where it redirects to")
        way_out = way_out.replace("{variable}", self.variable or "NAME named by api_key_env")
        return ModelError(f"{self.url} does not answer for model {self.model!r} ({self.key.hide(seen)}); {way_out}")
