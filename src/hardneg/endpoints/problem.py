"""What servers say of a request that they did not answer."""

from typing import Literal

from pydantic import BaseModel, ValidationError

Failing = Literal["server", "malformed", "refused"]


class NoAnswer(Exception):  # noqa: N818 - it is mostly followed by another attempt
    """A request brought no answer; `wait_s` is what the server asks for before the next attempt."""

    def __init__(self, kind: Failing, message: str, *, retry: bool, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry = retry
        self.wait_s = wait_s


class _Problem(BaseModel):
    message: str
    code: str | int | None = None


class _ErrorBody(BaseModel):
    error: _Problem


def read_problem(body: str) -> tuple[str, str]:
    """Read an error body: the server's message, and its code or ""."""
    try:
        problem = _ErrorBody.model_validate_json(body).error
    except ValidationError:
        return shortened(" ".join(body.split())), ""
    return shortened(" ".join(problem.message.split())), str(problem.code or "")


def shortened(text: str) -> str:
    """Cut a text for a message."""
    return text if len(text) <= 120 else f"{text[:117]}..."
