"""The page as a web application: an address that cannot be guessed, and nothing from elsewhere."""

import secrets
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hardneg.audits.verdict_store import Verdict
from hardneg.errors import RunError
from hardneg.review.session import ReviewSession

_STATIC = Path(__file__).parent / "static"
_HOSTS = ("127.0.0.1", "localhost")
_OWN_PAGES = (None, b"same-origin", b"none")  # what browsers say where a request comes from; none: typed or a bookmark
_MAX_BODY = 10_000  # bytes
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


_T = TypeVar("_T", bound=_Strict)


class _Asked(_Strict):
    """Who asks."""

    reviewer: str = Field(min_length=1, max_length=100, pattern=r"\S")


class _Given(_Asked):
    """A verdict."""

    pair: int
    verdict: Verdict


def application(session: ReviewSession, token: str) -> Starlette:
    """Build the application."""

    def answer(pair: int | None) -> Response:
        shown = None if pair is None else session.shown(pair)
        return JSONResponse({"pair": shown, "figures": session.figures().as_dict()})

    # All of these run on the one event loop, so no two use the database at once.
    async def next_pair(request: Request) -> Response:
        return answer(session.next_pair((await _read(request, _Asked)).reviewer.strip()))

    async def verdict(request: Request) -> Response:
        given = await _read(request, _Given)
        try:
            session.judge(given.pair, given.reviewer.strip(), given.verdict)
        except RunError as error:
            raise HTTPException(400, str(error)) from error
        return answer(session.next_pair(given.reviewer.strip()))

    async def undo(request: Request) -> Response:
        reviewer = (await _read(request, _Asked)).reviewer.strip()
        pair = session.undo(reviewer)
        return answer(session.next_pair(reviewer) if pair is None else pair)

    def file(name: str) -> Route:
        async def send(_: Request) -> Response:
            return FileResponse(_STATIC / name)

        return Route("/" if name == "review.html" else f"/{name}", send)

    routes = [file(path.name) for path in sorted(_STATIC.iterdir()) if path.suffix in (".html", ".css", ".js", ".svg")]
    for name, endpoint in (("next", next_pair), ("verdict", verdict), ("undo", undo)):
        routes.append(Route(f"/{name}", endpoint, methods=["POST"]))
    return Starlette(
        routes=[Mount("/{token}", routes=routes)],
        middleware=[
            Middleware(_WithHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(_HOSTS), www_redirect=False),
            Middleware(_Guarded, token=token),
        ],
        exception_handlers={HTTPException: _refused},
    )


class _Guarded:
    """Lets through what knows the token and does not come from a foreign page."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
        first = scope["path"].split("/")[1].encode() if scope["path"].startswith("/") else b""
        if not secrets.compare_digest(first, self.token):
            refusal = Response("This address is not complete; copy the one that `hardneg review` printed.\n", 403)
        elif origin not in (None, b"http://" + headers.get(b"host", b"")) or site not in _OWN_PAGES:
            refusal = Response("Requests of other pages are refused.\n", 403)
        else:
            await self.app(scope, receive, send)
            return
        await refusal(scope, receive, send)


class _WithHeaders:
    """Adds the headers that keep the page to itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        await self.app(scope, receive, with_headers)


async def _read(request: Request, kind: type[_T]) -> _T:
    """Read the body of a request, which must be JSON: no form of another page can send that."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise HTTPException(415, "send JSON")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise HTTPException(413, "the request is too large")
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise HTTPException(400, f"{where}: {first['msg']}" if where else first["msg"]) from error


async def _refused(_: Request, error: Exception) -> Response:
    problem: dict[str, Any] = {"error": getattr(error, "detail", "refused")}
    return JSONResponse(problem, status_code=getattr(error, "status_code", 400))
