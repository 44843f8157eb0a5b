"""What an LLM judge is asked, with the texts to judge fenced off from what it is told."""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from hardneg.errors import RecipeError
from hardneg.scoring.llm.verdict import Answer, instruction

Messages = list[dict[str, str]]
_PLACE = re.compile(r"\{(query|document)\}")


@dataclass(frozen=True)
class Prompt:
    """Rules that always hold, and a task with places for the two texts."""

    rules: str
    task: str

    def messages(self, query: str, document: str) -> Messages:
        """Put two texts in, each between tags with a mark that the texts cannot know.

        The mark is a hash of both texts, so a text that holds its own closing tag would have to hold its own hash.
        """
        mark = hashlib.blake2b(f"{len(query)} {query}{document}".encode(), digest_size=8).hexdigest()
        texts = {"query": query, "document": document}
        task = _PLACE.sub(lambda place: _fenced(place[1], texts[place[1]], mark), self.task)
        return [
            {"role": "system", "content": self.rules.replace("{mark}", mark)},
            {"role": "user", "content": task},
        ]


def load_prompt(path: str | Path | None, answer: Answer) -> Prompt:
    """Read a prompt, or take the shipped one for this form of answer."""
    rules = f"{_shipped('rules')}\n\n{instruction(answer)}"
    if path is None:
        return Prompt(rules, _shipped(answer))
    try:
        task = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"prompt {str(path)!r} cannot be read ({error}); name a text file in UTF-8") from error
    lacking = [name for name in ("{query}", "{document}") if name not in task]
    if lacking:
        raise RecipeError(f"prompt {str(path)!r} has no {' and no '.join(lacking)}; put it where the text shall stand")
    return Prompt(rules, task)


def _shipped(name: str) -> str:
    return (files("hardneg.scoring") / "prompts" / f"{name}.txt").read_text(encoding="utf-8").strip()


def _fenced(name: str, text: str, mark: str) -> str:
    return f"<{name}-{mark}>\n{text}\n</{name}-{mark}>"
