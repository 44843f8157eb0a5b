"""What legal texts name: sections by number, and terms that they define."""

import re

# Rust's and Python's syntax agree on all of these. The first alternative that fits wins, so numbers come before terms.
_STEP = r"(?:\.?\([0-9A-Za-z]{1,5}\))"  # (3), (a), .(iv)
_NUMBER = rf"[A-Z]{{0,4}}\d+[A-Z]?(?:\.[A-Z]{{0,2}}\d+[A-Z]?)+{_STEP}*|[A-Z]{{0,4}}\d+[A-Za-z]?{_STEP}+"
_CAPITALISED = r"[A-Z][\w\u2019-]*"  # with a curly apostrophe, or a hyphen
_TERM = rf"{_CAPITALISED}(?:(?: (?:of|for|in|the|on))? {_CAPITALISED})+"
LEGAL_WORD = rf"{_NUMBER}|{_TERM}|\w+"

_IS_NUMBER = re.compile(_NUMBER)
_FIND_TERM = re.compile(_TERM)
_LEVEL = re.compile(rf"{_STEP}|\.?[A-Z]*\d+[A-Za-z]?")
_PATH_LEVEL = re.compile(r"\([^()]*\)|[^.()]+")
_LETTERS = re.compile(r"\w+")
# With what a sentence begins before a term: "Where an Authorised Person …" names no term "Where an Authorised Person".
_OPENERS = frozenset(
    """
    a an the this that these those such all any each every no other some and as at but by for from in of
    on or to under upon with within if once unless until when where which while who what how whether
    nothing are can could do does has have is may must shall should will would it its our their they we
    you your subject pursuant not only means includes
    """.split()  # noqa: SIM905 - as a list it would take a line a word
)


def is_section_number(word: str) -> bool:
    """Say whether a word is a number of several levels: `10.2.1(3)(a)`, `12(b)`, `A4.3.8`."""
    return _IS_NUMBER.fullmatch(word) is not None


def number_levels(word: str) -> list[str]:
    """Give a section number and those of the sections around it that have two levels or more.

    >>> number_levels("10.2.1.(3)(a)")
    ['10.2.1(3)(a)', '10.2.1(3)', '10.2.1', '10.2']
    >>> number_levels("12(b)")
    ['12(b)', '12']
    """
    levels = [level.replace(".(", "(") for level in _LEVEL.findall(word)]
    least = 1 if levels[1].startswith("(") else 2
    return ["".join(levels[:n]).lower() for n in range(len(levels), least - 1, -1)]


def term_words(text: str) -> list[str]:
    """Give the words of a defined term, without what only begins a sentence.

    >>> term_words("Where the Fund Manager")
    ['Fund', 'Manager']
    """
    words = _LETTERS.findall(text)
    first = next((at for at, word in enumerate(words) if word.lower() not in _OPENERS), len(words))
    return words[first:]


def defined_terms(text: str) -> list[str]:
    """List the defined terms of a text: capitalised words in a row, in lower case and without a plural s.

    Headings in which every word has a capital look like terms too.

    >>> defined_terms("An Authorised Person must tell the Fund Managers or other Authorised Persons.")
    ['authorised person', 'fund manager']
    """
    terms = {" ".join(words).lower() for words in map(term_words, _FIND_TERM.findall(text)) if len(words) > 1}
    return sorted({term[:-1] if re.search(r"[^su]s$", term) else term for term in terms})


def section_path(number: str) -> list[str]:
    """List a section and what encloses it, the widest first.

    >>> section_path("Part 2.Chapter 1.5A.(3)")
    ['Part 2', 'Part 2.Chapter 1', 'Part 2.Chapter 1.5A', 'Part 2.Chapter 1.5A(3)']
    """
    levels = [level.strip() for level in _PATH_LEVEL.findall(number) if level.strip()]
    path: list[str] = []
    for level in levels:
        joint = "." if path and not level.startswith("(") else ""
        path.append(f"{path[-1] if path else ''}{joint}{level}")
    return path or [number.strip()]


def rule_of(path: list[str]) -> str:
    """Give the rule that a section belongs to: its number without the paragraphs in brackets.

    >>> rule_of(["9", "9.5", "9.5(c)", "9.5(c)(i)"])
    '9.5'
    """
    return next((level for level in reversed(path) if not level.endswith(")")), path[0])
