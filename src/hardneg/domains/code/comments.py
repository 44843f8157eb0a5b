"""What a comment in front of a definition says, without the marks that make it a comment."""

import re

# Around block and line comments of all languages read: `/** … */`, `//`, `///`, and the `*` that begins inner lines.
_OPENING = re.compile(r"^\s*(?:/\*+!?|//[/!]*)")
_INNER = re.compile(r"^\s*(?://[/!]*|\*+(?!/))?")
_CLOSING = re.compile(r"\**/\s*$")
_TAG = re.compile(r"^\s*(?:[@\\]\w+|:\w+[^:]*:|<p>|</?pre>|```|#\s)", re.IGNORECASE)
_BRIEF = re.compile(r"^\s*[@\\](?:brief|summary|description|desc)\b:?\s*", re.IGNORECASE)
_INLINE = re.compile(r"\{@(?:code|literal|link|linkplain|value)\s+([^}\s]*?#?)(\S*?)(?:\s+([^}]*))?\}")
_HTML = re.compile(r"</?[a-zA-Z][^<>]{0,60}>")
# Directions to tools, not to readers.
_DIRECTIVE = re.compile(r"^\s*(?:eslint|jshint|jslint|istanbul|c8 |prettier|ts-|@ts-|global |nolint|noinspection|go:)")


def summary_of(comment: str) -> str:
    r"""Give the first paragraph of a comment on one line.

    A paragraph ends at a blank line, or where tags such as `@param`, `:param x:` or `<p>` begin; `@brief` begins one.

    >>> summary_of("/** Adds {@code a} to\n  * the sum.\n  *\n  * @param a what to add */")
    'Adds a to the sum.'
    """
    said: list[str] = []
    for line in _CLOSING.sub("", _OPENING.sub("", comment, count=1)).split("\n"):
        text = _BRIEF.sub("", _INNER.sub("", line, count=1)).strip()
        if _DIRECTIVE.match(text) or (text and not any(letter.isalnum() for letter in text)):
            continue
        if said and (not text or _TAG.match(text)):
            break
        if _TAG.match(text):
            return ""
        if text:
            said.append(text)
    plain = _HTML.sub("", _INLINE.sub(lambda found: found[3] or found[1] + found[2], " ".join(said)))
    return " ".join(plain.split())
