"""The languages whose source is read, and which files hold them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hardneg.domains.code.definition import Definition
from hardneg.domains.code.grammars import GRAMMARS
from hardneg.domains.code.python import python_definitions
from hardneg.domains.code.syntax import syntax_definitions


@dataclass(frozen=True)
class Language:
    """One language."""

    suffixes: tuple[str, ...]
    definitions: Callable[[bytes], list[Definition]]


_SUFFIXES = {
    "javascript": (".js", ".mjs", ".cjs", ".jsx"),
    "typescript": (".ts", ".mts", ".cts"),
    "tsx": (".tsx",),
    "java": (".java",),
    "go": (".go",),
    "rust": (".rs",),
    "c": (".c", ".h"),
}

LANGUAGES = {
    "python": Language((".py",), python_definitions),
    **{name: Language(_SUFFIXES[name], partial(syntax_definitions, grammar)) for name, grammar in GRAMMARS.items()},
}

LANGUAGE_OF = {suffix: name for name, language in LANGUAGES.items() for suffix in language.suffixes}
