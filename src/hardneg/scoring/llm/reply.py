"""What a chat-completions server sent back."""

from dataclasses import dataclass

from pydantic import BaseModel, Field, ValidationError

from hardneg.scoring.llm.failures import NoVerdict
from hardneg.scoring.llm.verdict import shortened


@dataclass(frozen=True)
class Reply:
    """The text of an answer, and what it cost."""

    text: str
    tokens_in: int | None
    tokens_out: int | None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


class _Problem(BaseModel):
    message: str
    code: str | int | None = None


class _ErrorBody(BaseModel):
    error: _Problem


def read_reply(body: str) -> Reply:
    """Read a completion."""
    try:
        completion = _Completion.model_validate_json(body)
    except ValidationError as error:
        where = ".".join(str(step) for step in error.errors()[0]["loc"]) or "body"
        message = f"{where}: {error.errors()[0]['msg']}, in {shortened(body)!r}"
        raise NoVerdict("malformed", message, retry=True) from None
    choice, usage = completion.choices[0], completion.usage or _Usage()
    if choice.message.refusal:
        raise NoVerdict("refused", f"the model refused: {shortened(choice.message.refusal)}", retry=False)
    if choice.finish_reason == "content_filter":
        raise NoVerdict("refused", "the server's content filter withheld the answer", retry=False)
    if choice.finish_reason == "length":
        raise NoVerdict(
            "malformed", "the answer was cut off at the limit of tokens; raise max_answer_tokens", retry=True
        )
    return Reply(choice.message.content or "", usage.prompt_tokens, usage.completion_tokens)


def read_problem(body: str) -> tuple[str, str]:
    """Read an error body: the server's message, and its code or ""."""
    try:
        problem = _ErrorBody.model_validate_json(body).error
    except ValidationError:
        return shortened(" ".join(body.split())), ""
    return shortened(" ".join(problem.message.split())), str(problem.code or "")
