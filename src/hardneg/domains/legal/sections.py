"""Cutting long texts by their structure: headings first, then the ends of sentences."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hardneg.search.legal_text import section_path

PREAMBLE = "preamble"

_CONTAINERS = {"PART": 0, "SCHEDULE": 0, "APPENDIX": 0, "ANNEX": 0, "CHAPTER": 1}  # the wider the smaller
_KIND = "|".join((*_CONTAINERS, *(kind.title() for kind in _CONTAINERS)))
_DOTTED = r"\d+[A-Z]?(?:\.\d+[A-Z]?)*"
# At the beginning of a line: "PART 2", "Article 5", "§ 12", "3.1.2", "4." or "4)"; a bare "12 days" begins no section.
_HEADING = re.compile(
    rf"^[ \t]*(?:(?P<kind>{_KIND})[ \t]+(?P<label>\d+[A-Z]?|[IVXLC]+|[A-Z])\b"
    rf"|(?:ARTICLE|Article|SECTION|Section|RULE|Rule|§{{1,2}})[ \t]*(?P<named>{_DOTTED})\b"
    rf"|(?P<dotted>\d+[A-Z]?(?:\.\d+[A-Z]?)+)[.)]?(?=\s)|(?P<bare>\d+[A-Z]?)[.)](?=\s))",
    re.MULTILINE,
)
_SENTENCE_END = re.compile(r"(?<=[.;:!?])\s+|\n+")


@dataclass(frozen=True)
class Section:
    """A section of a text."""

    number: str
    path: list[str]
    text: str


def split_sections(text: str) -> list[Section]:
    r"""Split a text at its headings.

    >>> [section.path for section in split_sections("PART 1 General\n1. Scope\nAll.\n1.1 Place\nHere.")]
    [['Part 1', 'Part 1.1'], ['Part 1', 'Part 1.1', 'Part 1.1.1']]
    """
    found = list(_HEADING.finditer(text))
    head = text[: found[0].start() if found else len(text)].strip()
    sections = [Section(PREAMBLE, [PREAMBLE], head)] if head else []
    containers: list[tuple[int, str]] = []
    ends = [*(heading.start() for heading in found), len(text)][1:]
    for heading, end in zip(found, ends, strict=False):
        body = text[heading.start() : end].strip()
        kind = heading["kind"]
        if kind:
            rank, number = _CONTAINERS[kind.upper()], f"{kind.title()} {heading['label']}"
            containers = [*(each for each in containers if each[0] < rank), (rank, number)]
            path = [name for _, name in containers]
            if "\n" not in body:
                continue
        else:
            number = heading["named"] or heading["dotted"] or heading["bare"]
            path = [name for _, name in containers] + _levels(number)
        sections.append(Section(number, _joined(path), body))
    return sections


def pieces(text: str, *, max_words: int, overlap: int) -> list[str]:
    """Cut a text that is too long at the ends of sentences and list items.

    >>> pieces("One two. Three four. Five six.", max_words=4, overlap=1)
    ['One two. Three four.', 'Three four. Five six.']
    """
    if len(text.split()) <= max_words:
        return [text]
    sentences = list(_sentences(text, max_words))
    found, start = [], 0
    while start < len(sentences):
        end, n_words = start, 0
        while end < len(sentences) and n_words + len(sentences[end].split()) <= max_words:
            n_words += len(sentences[end].split())
            end += 1
        found.append(" ".join(sentences[start:end]))
        if end == len(sentences):
            break
        start = _overlapping(sentences, start, end, max_words, overlap)
    return found


def _overlapping(sentences: list[str], start: int, end: int, max_words: int, overlap: int) -> int:
    """Go back from `end` by the sentences that fit beside the next one."""
    room = max_words - len(sentences[end].split())
    first = end
    while first - 1 > start and end - first < overlap and len(sentences[first - 1].split()) <= room:
        first -= 1
        room -= len(sentences[first].split())
    return first


def _sentences(text: str, max_words: int) -> Iterator[str]:
    for sentence in _SENTENCE_END.split(text):
        words = sentence.split()
        if len(words) <= max_words and words:
            yield sentence.strip()
            continue
        for at in range(0, len(words), max_words):
            yield " ".join(words[at : at + max_words])


def _levels(number: str) -> list[str]:
    return [level.rsplit(".", 1)[-1] for level in section_path(number)]


def _joined(levels: list[str]) -> list[str]:
    return [".".join(levels[: n + 1]) for n in range(len(levels))]
