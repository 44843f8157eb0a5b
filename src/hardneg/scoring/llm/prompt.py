"""What an LLM judge is asked, with the texts to judge fenced off from what it is told."""

import hashlib
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import polars as pl

from hardneg.arrays import Rows
from hardneg.data.dataset import Dataset
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
    """Read a prompt, or take the shipped one; what to reply with is added to the rules of either."""
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


@dataclass(frozen=True, eq=False)
class PromptPairs:
    """Rows of pairs; rows of equal content are one pair."""

    rows: list[bytes]  # digest of each row
    texts: dict[bytes, tuple[str, str]]  # query and cut document of each digest, in the order of first rows
    prompt: Prompt

    @property
    def distinct(self) -> list[bytes]:
        """Digests of the different pairs."""
        return list(self.texts)

    def without(self, known: Container[bytes]) -> Iterator[tuple[bytes, Messages]]:
        """Give digest and prompt of each pair that is not known yet."""
        for pair, (query, document) in self.texts.items():
            if pair not in known:
                yield pair, self.prompt.messages(query, document)


def read_pairs(
    dataset: Dataset,
    query: Rows,
    document: Rows,
    *,
    prompt: Prompt,
    cut: int | None,
    judge: bytes,
) -> PromptPairs:
    """Read the texts of pairs and digest them."""
    queries, documents = _texts(dataset.query_texts, query, None), _texts(dataset.document_texts, document, cut)
    first = {q: _digest(text) for q, text in queries.items()}
    second = {d: _digest(text) for d, text in documents.items()}
    rows: list[bytes] = []
    texts: dict[bytes, tuple[str, str]] = {}
    for q, d in zip(query.tolist(), document.tolist(), strict=True):
        pair = hashlib.blake2b(judge + first[q] + second[d], digest_size=16).digest()
        rows.append(pair)
        texts.setdefault(pair, (queries[q], documents[d]))
    return PromptPairs(rows, texts, prompt)


def _texts(texts: pl.Series, position: Rows, cut: int | None) -> dict[int, str]:
    distinct = np.unique(position)
    distinct_texts = texts.gather(distinct).fill_null("").to_list()
    return {number: text[:cut] for number, text in zip(distinct.tolist(), distinct_texts, strict=True)}


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
