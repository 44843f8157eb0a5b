"""From what a model wrote to its verdict, or to the reason why it gave none."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hardneg.scoring.llm.failures import NoVerdict

Answer = Literal["yes_no", "graded"]
_SCORES = {
    "yes_no": {"no": 0.0, "yes": 1.0},
    "graded": {str(grade): grade / 3 for grade in range(4)},
}
_THOUGHTS = re.compile(r"^.*</think>", re.DOTALL)


@dataclass(frozen=True)
class Verdict:
    """What a judge said of one pair."""

    verdict: str
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
    found = []
    for each in _objects(_THOUGHTS.sub("", text)):
        try:
            found.append(_FORMS[answer].model_validate(each))
        except ValidationError:
            continue
    verdicts = {one.verdict for one in found}
    if len(verdicts) != 1:
        problem = "verdicts that disagree" if found else "no valid verdict"
        raise NoVerdict("malformed", f"{problem} in {shortened(text)!r}", retry=True)
    return Verdict(str(found[0].verdict), found[0].reason)


def shortened(text: str) -> str:
    """Cut a text for a message."""
    return text if len(text) <= 120 else f"{text[:117]}..."


def _objects(text: str) -> Iterator[object]:
    """Give every JSON object in a text, but none that lies within another."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
            yield value
        except (ValueError, RecursionError):
            end = at + 1
        at = text.find("{", end)
