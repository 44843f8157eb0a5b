"""Functions and classes of a file in a language that tree-sitter reads."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from hardneg.domains.code.definition import Definition
from hardneg.domains.code.grammars import Grammar
from hardneg.domains.code.syntax_text import leading, outline, summary_of, text_of
from hardneg.domains.code.syntax_tree import calls_of, hash_of, is_trivial, parameter_names, shape_of
from hardneg.errors import MissingExtraError

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_DOTTED = re.compile(r"#?[A-Za-z_$][\w$]*(?:(?:\?\.|\.|::|->)#?[A-Za-z_$][\w$]*)*")
_NO_SCOPE = {"exports", "module", "prototype", "this", "window", "self", "globalThis"}
_QUOTES = "'\"`"


@dataclass(frozen=True, eq=False)
class Named:
    """A name, as the head of a definition gives it."""

    symbol: str  # its own name
    # names in front of it: the receiver of a method of Go, the object that JavaScript assigns to
    scope: tuple[str, ...] = ()
    parameters: "Node | None" = None  # the list of parameters, where it lies deep in the head, as in C


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


@dataclass(frozen=True, eq=False)
class Found:
    """A definition in a tree."""

    node: "Node"
    holder: "Node"
    named: Named
    scope: tuple[str, ...]
    is_class: bool
    in_class: bool


def syntax_definitions(grammar: Grammar, source: bytes) -> list[Definition]:
    """List the definitions of a file, nested ones included, in the order of the file.

    What is only declared (a prototype, a method of an interface) is no definition; nor is one in whose text the parser
    finds an error, as happens around the macros of C.
    """
    if b"\0" in source:
        raise ValueError("null bytes")
    source.decode()
    root = _parser(grammar).parse(source).root_node
    return [_definition(each, grammar) for each in _walk(root, grammar, scope=(), in_class=False)]


@lru_cache(maxsize=16)
def _parser_of(package: str, factory: str) -> "Parser":
    try:
        from tree_sitter import Language, Parser

        grammar = import_module(package)
    except ImportError as error:
        language = package.removeprefix("tree_sitter_")
        missing = package.replace("_", "-")
        raise MissingExtraError(f"tree-sitter and {missing}", extra="code", purpose=f"reading {language}") from error
    return Parser(Language(getattr(grammar, factory)()))


def _parser(grammar: Grammar) -> "Parser":
    return _parser_of(grammar.package, grammar.factory)


def _walk(node: "Node", grammar: Grammar, *, scope: tuple[str, ...], in_class: bool) -> Iterator[Found]:
    for child in node.named_children:
        definition = _found(child, grammar, scope=scope, in_class=in_class)
        if definition is not None:
            yield definition
            inner = (*scope, *definition.named.scope, definition.named.symbol)
            yield from _walk(definition.node, grammar, scope=inner, in_class=definition.is_class)
        elif child.type in grammar.scopes:
            name = child.child_by_field_name(grammar.scopes[child.type])
            inner = (*scope, dotted_name(name)) if name is not None else scope
            yield from _walk(child, grammar, scope=inner, in_class=child.type == "impl_item")
        else:
            yield from _walk(child, grammar, scope=scope, in_class=in_class)


def _found(node: "Node", grammar: Grammar, *, scope: tuple[str, ...], in_class: bool) -> Found | None:
    """See a definition in a node, if it is one, has a body and no error in it."""
    value = node
    if node.type in grammar.holders:
        name_field, value_field = grammar.holders[node.type]
        held = node.child_by_field_name(value_field)
        if held is None or held.type not in grammar.values:
            return None
        value, name = held, named(node, node.child_by_field_name(name_field))
    elif node.type in grammar.functions | grammar.classes:
        name = named(node, node.child_by_field_name("name"))
    else:
        return None
    if name is None or body_of(value) is None or value.has_error:
        return None
    is_class = value.type in grammar.classes or value.type == "class"
    in_class = bool(name.scope) or in_class
    return Found(value, node, name, scope, is_class, in_class)


def body_of(node: "Node") -> "Node | None":
    """Find the body of a function or class; a type of Go has one if it is a struct or an interface."""
    body = node.child_by_field_name("body")
    if body is None and node.type == "type_spec":
        body = node.child_by_field_name("type")
        return body if body is not None and body.type in {"struct_type", "interface_type"} else None
    return body


def _definition(definition: Found, grammar: Grammar) -> Definition:
    node, symbol = definition.node, definition.named.symbol
    comment, start, outer = leading(definition.holder, grammar)
    parameters = definition.named.parameters or node.child_by_field_name("parameters")
    single = node.child_by_field_name("parameter")
    names = parameter_names(parameters if parameters is not None else single)
    body = body_of(node)
    trivial = is_trivial(body, symbol, grammar)
    return Definition(
        kind="class" if definition.is_class else "method" if definition.in_class else "function",
        symbol=symbol,
        scope=".".join((*definition.scope, *definition.named.scope)),
        line=start.start_point.row + 1,
        summary=summary_of(comment),
        source=outline(start, outer, node, grammar) if definition.is_class else text_of(start, outer, grammar),
        signature=_signature(definition.holder, body),
        shape="" if definition.is_class else shape_of(node, parameters if parameters is not None else single),
        parameters=names,
        calls=calls_of(node, body, grammar),
        ast_hash=hash_of(node, symbol, grammar, named=trivial),
        trivial=trivial,
    )


def _signature(holder: "Node", body: "Node | None") -> str:
    text = holder.text or b""
    head = text[: body.start_byte - holder.start_byte] if body is not None else text
    return " ".join(head.decode().split()).removesuffix("=>").rstrip()
