"""The text of a definition: what stands before it, and what of it is kept."""

import re
from typing import TYPE_CHECKING

from hardneg.domains.code.grammars import Grammar

if TYPE_CHECKING:
    from tree_sitter import Node

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
    paragraph: list[str] = []
    for line in _CLOSING.sub("", _OPENING.sub("", comment, count=1)).split("\n"):
        text = _BRIEF.sub("", _INNER.sub("", line, count=1)).strip()
        if _DIRECTIVE.match(text) or (text and not any(letter.isalnum() for letter in text)):
            continue
        if paragraph and (not text or _TAG.match(text)):
            break
        if _TAG.match(text):
            return ""
        if text:
            paragraph.append(text)
    plain = _HTML.sub("", _INLINE.sub(lambda match: match[3] or match[1] + match[2], " ".join(paragraph)))
    return " ".join(plain.split())


_NO_BODY = b"{ ... }"


def leading(holder: "Node", grammar: Grammar) -> tuple[str, "Node", "Node"]:
    """Find what belongs to a definition by standing in front of it."""
    outer = holder
    while outer.parent is not None and outer.parent.type in grammar.wrappers and _fills(outer, outer.parent, grammar):
        outer = outer.parent
    start, at = outer, outer
    comments: list[Node] = []
    while (before := _before(at)) is not None:
        if before.type in grammar.attributes and not comments:
            start = before
        elif before.type in grammar.comments and _touches(before, at, grammar, alone=bool(comments)):
            comments.insert(0, before)
        elif not (before.type in grammar.attributes and comments):
            break
        at = before
        if comments and (comments[0].text or b"").startswith(b"/*"):
            break
    return "\n".join((comment.text or b"").decode().rstrip("\n") for comment in comments), start, outer


def text_of(start: "Node", outer: "Node", grammar: Grammar) -> str:
    """Take the text from one node to another, indented as at the top of a file."""
    return _dedented(_cut(start, outer, [], grammar), start)


def outline(start: "Node", outer: "Node", node: "Node", grammar: Grammar) -> str:
    """Take the text of a class without its comments and the bodies of its functions.

    So the class does not hold the text of its methods, which are documents of their own.
    """
    cuts: list[tuple[Node, bytes]] = []
    waiting = list(node.named_children)
    while waiting:
        child = waiting.pop()
        body = child.child_by_field_name("body")
        if child.type in grammar.comments:
            cuts.append((child, b""))
        elif body is not None and child.type in grammar.functions | grammar.values - grammar.classes:
            cuts.append((body, _NO_BODY))
        else:
            waiting += child.named_children
    text = _dedented(_cut(start, outer, cuts, grammar), start)
    return "\n".join(line for line in text.split("\n") if line.strip())


def _cut(start: "Node", outer: "Node", cuts: list[tuple["Node", bytes]], grammar: Grammar) -> bytes:
    """Join the nodes from `start` to `outer`, their comments left out, and put something in the place of others."""
    parts: list[bytes] = []
    at: Node | None = start
    while at is not None and at != outer:
        if at.type not in grammar.comments:
            parts.append(at.text or b"")
        at = at.next_named_sibling
    text = outer.text or b""
    for node, instead in sorted(cuts, key=lambda cut: -cut[0].start_byte):
        begin, end = node.start_byte - outer.start_byte, node.end_byte - outer.start_byte
        text = text[:begin] + instead + text[end:]
    return b"\n".join([*parts, text])


def _dedented(text: bytes, start: "Node") -> str:
    """Take the indentation of the first line away; tree-sitter begins a node behind it."""
    first, *rest = text.decode().replace("\r\n", "\n").split("\n")
    column = start.start_point.column
    return "\n".join([first, *(line[min(column, len(line) - len(line.lstrip())) :] for line in rest)]).rstrip()


def _fills(node: "Node", parent: "Node", grammar: Grammar) -> bool:
    """Whether a node is all that its parent holds."""
    return all(child == node for child in parent.named_children if child.type not in grammar.attributes)


def _before(node: "Node") -> "Node | None":
    """Find the node in front, past a comma or semicolon."""
    before = node.prev_sibling
    return before.prev_sibling if before is not None and before.type in {",", ";"} else before


def _touches(comment: "Node", node: "Node", grammar: Grammar, *, alone: bool) -> bool:
    """Whether a comment stands above a node, with no blank line between and no code in front on its line."""
    text = (comment.text or b"").rstrip(b"\n")
    if grammar.inner_comments and text.startswith(grammar.inner_comments):
        return False
    last_row = comment.start_point.row + text.count(b"\n")
    if node.start_point.row - last_row > 1 or (alone and not text.startswith(b"//")):
        return False
    before = _before(comment)
    if before is None or not before.is_named or "comment" in before.type:
        return True
    last = before.end_point
    return last.row < comment.start_point.row or last.column == 0
