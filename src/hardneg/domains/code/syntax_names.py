"""What a definition is called, and to what it belongs by its head alone."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_DOTTED = re.compile(r"#?[A-Za-z_$][\w$]*(?:(?:\?\.|\.|::|->)#?[A-Za-z_$][\w$]*)*")
_NO_SCOPE = {"exports", "module", "prototype", "this", "window", "self", "globalThis"}
_QUOTES = "'\"`"


@dataclass(frozen=True, eq=False)
class Named:
    """A name, as the head of a definition gives it."""

    symbol: str
    scope: tuple[str, ...] = ()
    parameters: "Node | None" = None


def named(node: "Node", name: "Node | None") -> Named | None:
    """Read the name of a definition."""
    if name is None or "declarator" in name.type:
        return _declared(node)
    text = _text(name).strip(_QUOTES)
    if not _DOTTED.fullmatch(text):
        return None
    *scope, symbol = re.split(r"\?\.|\.|::|->", text.removeprefix("#"))
    receiver = node.child_by_field_name("receiver")
    if receiver is not None:
        scope = [dotted_name(receiver)]
    return Named(symbol, tuple(part for part in scope if part not in _NO_SCOPE))


def dotted_name(node: "Node") -> str:
    """Name a type or module without its pointers, references and arguments: `S` for `(s *S)` and `S<T>`."""
    text = re.sub(r"<.*>|\[.*\]", "", _text(node), flags=re.DOTALL)
    names = _NAME.findall(text.replace("::", "."))
    return names[-1] if names else "_"


def _declared(node: "Node") -> Named | None:
    """Follow declarators down to the innermost name, and keep the parameters next to it."""
    parameters, at = None, node.child_by_field_name("declarator")
    while at is not None and (inner := _inner(at)) is not None:
        parameters = at.child_by_field_name("parameters") or parameters
        at = inner
    text = "" if at is None else _text(at)
    return Named(text, (), parameters) if _NAME.fullmatch(text) else None


def _inner(node: "Node") -> "Node | None":
    inner = node.child_by_field_name("declarator")
    if inner is None and node.type == "parenthesized_declarator":
        return node.named_children[0] if node.named_children else None
    return inner


def _text(node: "Node") -> str:
    return (node.text or b"").decode()
