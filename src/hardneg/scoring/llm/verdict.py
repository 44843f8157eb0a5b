"""From what a model wrote to its verdict, or to the reason why it gave none."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hardneg.endpoints.problem import NoAnswer, shortened
from hardneg.errors import RunError

_WORDS = {
    "server": "the server gave no answer",
    "malformed": "the answer was malformed",
    "refused": "the request or the answer was refused",
}
Answer = Literal["yes_no", "graded"]
_SCORES = {
    "yes_no": {"no": 0.0, "yes": 1.0},
    "graded": {str(grade): grade / 3 for grade in range(4)},
}
_LONGEST, _MOST_BRACES = 200_000, 200  # characters of an answer, and braces in it at which an object may begin
_THOUGHTS = re.compile(r"^.*</think>", re.DOTALL)


class NoVerdict(NoAnswer):
    """One request, or one pair after its last attempt, brought no verdict; raised to the user only in sum."""


def failure_report(failures: list[NoVerdict], *, name: str, n_pairs: int, n_asked: int, path: Path) -> RunError:
    """Sum up what went wrong, and say how to go on."""
    n_open = n_pairs - n_asked + len(failures)
    count = Counter(failure.kind for failure in failures)
    first = {failure.kind: str(failure) for failure in reversed(failures)}
    parts = [f"for {number} {_WORDS[kind]} (first: {first[kind]})" for kind, number in count.items()]
    if n_pairs > n_asked:
        parts.append(f"{n_pairs - n_asked} were not asked about, since nothing but failures came back")
    return RunError(
        f"{name!r} has no verdict for {n_open} of {n_pairs} pairs: {'; '.join(parts)}. The other {n_pairs - n_open} "
        f"verdicts are kept in {path}: run the same command again, which asks and pays only for what is missing"
    )


@dataclass(frozen=True)
class Verdict:
    """What a judge said of one pair."""

    verdict: str  # "yes" or "no", or a grade from "0" to "3"
    reason: str


def _folded(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


class _YesNo(BaseModel):
    model_config = ConfigDict(strict=True)
    verdict: Annotated[Literal["yes", "no"], BeforeValidator(_folded)]
    reason: str = ""


class _Graded(BaseModel):
    model_config = ConfigDict(strict=True)
    verdict: Annotated[int, Field(ge=0, le=3)]
    reason: str = ""


_FORMS: dict[str, type[_YesNo] | type[_Graded]] = {"yes_no": _YesNo, "graded": _Graded}


def score_of(verdict: str, answer: Answer) -> float:
    """Turn a verdict into a score.

    >>> score_of("yes", "yes_no"), score_of("1", "graded") == 1 / 3
    (1.0, True)
    """
    return _SCORES[answer][verdict]


def instruction(answer: Answer) -> str:
    """Say how to reply, for models and for servers that cannot be held to a schema."""
    verdict = '"yes" or "no"' if answer == "yes_no" else "0, 1, 2 or 3"
    return (
        "Reply with one JSON object and nothing else. It has two keys: "
        f'"reason", one short sentence, and "verdict", which is {verdict}.'
    )


def response_format(answer: Answer) -> dict[str, Any]:
    """Give the schema that servers with structured answers hold the model to; the reason comes first."""
    verdict = (
        {"type": "string", "enum": ["yes", "no"]} if answer == "yes_no" else {"type": "integer", "enum": [*range(4)]}
    )
    schema = {
        "type": "object",
        "properties": {"reason": {"type": "string"}, "verdict": verdict},
        "required": ["reason", "verdict"],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": schema}}


def read_verdict(text: str, answer: Answer) -> Verdict:
    """Find the verdict in what a model wrote.

    Text around the JSON object is passed over, and so is thinking aloud. Two objects that disagree are no verdict:
    one of them may be a quotation from the document.

    >>> read_verdict('Sure: {"verdict": "no", "reason": "Another bone."}', "yes_no")
    Verdict(verdict='no', reason='Another bone.')
    """
    answers = []
    for each in _objects(_THOUGHTS.sub("", text)):
        try:
            answers.append(_FORMS[answer].model_validate(each))
        except ValidationError:
            continue
    verdicts = {one.verdict for one in answers}
    if len(verdicts) != 1:
        problem = "verdicts that disagree" if answers else "no valid verdict"
        raise NoVerdict("malformed", f"{problem} in {shortened(text)!r}", retry=True)
    return Verdict(str(answers[0].verdict), answers[0].reason)


def _objects(text: str) -> Iterator[object]:
    """Give every JSON object in a text, but none that lies within another."""
    if len(text) > _LONGEST:
        raise NoVerdict("malformed", f"{len(text):,} characters, beginning {shortened(text)!r}", retry=True)
    decoder = json.JSONDecoder()
    at, tries = text.find("{"), 0
    while at >= 0:
        tries += 1
        if tries > _MOST_BRACES:
            raise NoVerdict("malformed", f"braces without end in {shortened(text)!r}", retry=True)
        try:
            value, end = decoder.raw_decode(text, at)
            yield value
        except (ValueError, RecursionError):
            end = at + 1
        at = text.find("{", end)


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
