"""Names that give an answer away, taken out of the question."""

import re
from collections.abc import Mapping

from hardneg.domains.code.definition import Definition

_WORD = re.compile(
    r"(?P<open>[`'\"*|]{0,2})(?P<word>[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)(?P<call>\(\s*\)|(?=\())?"
    r"(?P<close>[`'\"*|]{0,2})"
)
# Only identifiers are spelled so: inner underscores, capitals behind small letters, digits, a leading underscore.
_COMPOUND = re.compile(r"[^_]_+[^_]|[a-z][A-Z]|\d|^_|\$")


def mask_names(definition: Definition) -> str:
    """Replace, in the summary of a definition, the names that only its author knows.

    Its own name becomes "function", "method" or "class", that of its class "class", and a parameter "argument", so
    the sentence stays one and nothing in it points to one document. Else a model can find the answer by comparing
    strings, which a user who does not know the answer cannot.

    A name that is also a word is left where it is used as a word: `copy` in "Return a copy". It is masked where it is
    spelled or marked as code: in quotes, behind a dot, in front of a parenthesis, with a capital inside a sentence.
    The parts of a name ("read", "text" of `read_text`) stay: they are the words that a user asks with.
    """
    names = dict.fromkeys(definition.parameters, "argument")
    if definition.kind == "method" and definition.scope:
        names[definition.scope.split(".")[-1]] = "class"
    names[definition.symbol] = definition.kind
    return _WORD.sub(lambda found: _masked(found, names), definition.summary)


def _masked(found: re.Match[str], names: Mapping[str, str]) -> str:
    word = found["word"]
    last = word.rpartition(".")[2]
    if last not in names or not _is_code(found, last):
        return found[0]
    if found["open"] and found["close"]:
        return names[last]
    return f"{found['open']}{names[last]}{found['close']}"


def _is_code(found: re.Match[str], name: str) -> bool:
    marked = found["open"] and found["close"]
    before = found.string[: found.start("word")].rstrip()
    capital = name[0].isupper() and before != "" and before[-1] not in ".!?:"
    return bool(marked or "." in found["word"] or found["call"] is not None or _COMPOUND.search(name) or capital)
