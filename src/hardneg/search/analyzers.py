"""How a text is cut into terms for BM25."""

import difflib
import re
from dataclasses import dataclass, replace

from hardneg.errors import RecipeError
from hardneg.search.legal_text import LEGAL_WORD, is_section_number, number_levels, term_words

# The list that Lucene has used for English since its first releases.
_ENGLISH_STOP_WORDS = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no"),
        *("not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this"),
        *("to", "was", "will", "with"),
    )
)

_WORD = r"\w+"
_WORD_OR_OPERATOR = r"\w+|[^\w\s]+"

# Python counts marks, such as the vowel signs of Hindi, to no word; they stand in these blocks.
_MARKS = r"\u0300-\u1cff\u1dc0-\u1dff\u20d0-\u20f0\u3099\u309a\ua66f-\uabff\ufb1e\ufe00-\ufe2f"
_LETTERS = re.compile(rf"[\w{_MARKS}]+")
_LETTERS_OR_DIGITS = re.compile(rf"(?:[^\W\d_]|(?!\d)[{_MARKS}])+|\d+")
# Between parseHTTP|Reply and parse|HTTP; only ASCII letters tell case, others stay with their neighbours.
_CASE_CHANGE = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class Analyzer:
    """A way to cut texts into terms: `pattern` finds words, the rest says what becomes of a word."""

    name: str
    pattern: str = _WORD  # in the common subset of Python's and Rust's syntax
    keeps_references: bool = False  # section numbers and defined terms; `pattern` must find them
    splits_identifiers: bool = False  # and keeps the whole one as a further term
    stemmer: str | None = None  # a Snowball language
    stop_words: frozenset[str] = frozenset()  # in lower case

    def terms(self, words: list[str]) -> list[list[str]]:
        """Turn each word into its terms: none for a stop word, several for a compound identifier."""
        if self.keeps_references:
            return self._references(words)
        cut = identifier_parts if self.splits_identifiers else _whole
        parts = [cut(word) for word in words]
        lower = [[part.lower() for part in of_word] for of_word in parts]
        kept = self._stemmed([[part for part in of_word if part not in self.stop_words] for of_word in lower])
        for word, of_word, terms in zip(words, parts, kept, strict=True):
            if len(of_word) > 1:
                terms.append(word.lower())
        return kept

    def _references(self, words: list[str]) -> list[list[str]]:
        numbers = [number_levels(word) if is_section_number(word) else [] for word in words]
        parts = [[] if levels else _LETTERS.findall(word.lower()) for word, levels in zip(words, numbers, strict=True)]
        kept = self._stemmed([[part for part in of_word if part not in self.stop_words] for of_word in parts])
        named = self._stemmed([[each.lower() for each in term_words(word)] for word in words])
        wholes = [
            [" ".join(term)] if " " in word and len(term) > 1 else [] for word, term in zip(words, named, strict=True)
        ]
        return [levels or [*of_word, *whole] for levels, of_word, whole in zip(numbers, kept, wholes, strict=True)]

    def _stemmed(self, parts: list[list[str]]) -> list[list[str]]:
        if self.stemmer is None:
            return parts
        import Stemmer

        stem = Stemmer.Stemmer(self.stemmer)
        return [stem.stemWords(of_word) for of_word in parts]


def identifier_parts(word: str) -> list[str]:
    """Cut an identifier where case, digits or underscores change; a word without such is one part.

    >>> identifier_parts("parseHTTPReply_v2")
    ['parse', 'HTTP', 'Reply', 'v', '2']
    """
    runs = _LETTERS_OR_DIGITS.findall(word)
    return [part for run in runs for part in _CASE_CHANGE.split(run)] or [word]


def _whole(word: str) -> list[str]:
    return [word]


_ENGLISH = Analyzer("english", stemmer="english", stop_words=_ENGLISH_STOP_WORDS)
_CODE = Analyzer("code", splits_identifiers=True, stemmer="english", stop_words=_ENGLISH_STOP_WORDS)

ANALYZERS = {
    "english": _ENGLISH,
    "code": _CODE,
    "code_with_operators": replace(_CODE, name="code_with_operators", pattern=_WORD_OR_OPERATOR),
    "legal": replace(_ENGLISH, name="legal", pattern=LEGAL_WORD, keeps_references=True),
    "plain": Analyzer("plain"),
}


def analyzer(name: str) -> Analyzer:
    """Look up an analyzer: one of `ANALYZERS`, or a Snowball language ("german", "finnish", …)."""
    import Stemmer

    if name in ANALYZERS:
        return ANALYZERS[name]
    languages = Stemmer.algorithms()
    if name in languages:
        return Analyzer(name, stemmer=name)
    names = [*ANALYZERS, *languages]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise RecipeError(f"there is no BM25 analyzer {name!r}; {hint}It is one of: {', '.join(names)}")
