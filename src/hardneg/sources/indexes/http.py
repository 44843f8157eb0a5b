"""JSON over HTTP, by Python's own client: one request, and what its answer means."""

import base64
import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

from hardneg.errors import ModelError
from hardneg.sources.indexes.asking import Passing, one_line, patiently

_LONGEST_ANSWER = 2**28  # bytes
_BUSY = (408, 429, 502, 503, 504)


@dataclass(frozen=True)
class Server:
    """A server, and how it is asked."""

    address: str  # user and password in it are sent as such, and shown nowhere
    title: str
    headers: tuple[tuple[str, str], ...]
    timeout_s: float
    patience_s: float

    def ask(self, method: str, path: str, body: object = None, *, missing: bool = False) -> Any:  # noqa: ANN401 - JSON
        """Send a request, again while the server is busy; with `missing`, None where there is nothing."""
        way_out = "see whether it runs, and whether url is its address"
        return patiently(
            lambda: self._once(method, path, body, missing=missing),
            patience_s=self.patience_s,
            title=self.title,
            way_out=way_out,
        )

    def _once(self, method: str, path: str, body: object, *, missing: bool) -> Any:  # noqa: ANN401 - JSON
        try:
            with _opener().open(self._request(method, path, body), timeout=self.timeout_s) as answer:
                return self._read(answer.status, answer.headers, answer.read(_LONGEST_ANSWER + 1), missing=missing)
        except (TimeoutError, URLError, http.client.HTTPException, OSError) as error:
            raise Passing(one_line(getattr(error, "reason", error))) from error

    def _request(self, method: str, path: str, body: object) -> Request:
        parts = urlsplit(self.address)
        headers = {"Accept": "application/json", **dict(self.headers)}
        if parts.username is not None:
            plain = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(plain.encode()).decode()}"
        place = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/") + path, "", ""))
        lines = body if isinstance(body, list) else None
        content = None if body is None else _lines(lines) if lines is not None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json" if lines is None else "application/x-ndjson"
        return Request(place, data=content, headers=headers, method=method)

    def _read(self, status: int, headers: Any, content: bytes, *, missing: bool) -> Any:  # noqa: ANN401 - JSON
        if len(content) > _LONGEST_ANSWER:
            raise ModelError(f"{self.title} answers with more than {_LONGEST_ANSWER:,} bytes; ask for a smaller pool")
        if status == 404 and missing:
            return None
        text = content.decode(errors="replace")
        if status in _BUSY:
            wait = headers.get("Retry-After", "")
            raise Passing(f"HTTP {status}: {one_line(text)}", wait_s=float(wait) if wait.isdigit() else None)
        if status in (401, 403):
            raise ModelError(
                f"{self.title} refuses (HTTP {status}); set a key in the variable that api_key_env names, or give an "
                'address with user and password by url = "env:NAME"'
            )
        if not 200 <= status < 300:
            raise ModelError(f"{self.title} refuses (HTTP {status}): {one_line(text)}")
        try:
            return json.loads(text)
        except ValueError as error:
            raise ModelError(f"{self.title} answers {text[:40]!r}, which is no JSON; is url its address?") from error


def _lines(values: list[object]) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in values).encode()


def _opener() -> OpenerDirector:
    """Open http and https alone, by the proxies of the environment; what refuses or redirects is an answer too."""
    opener = OpenerDirector()
    for handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler()):
        opener.add_handler(handler)
    return opener
