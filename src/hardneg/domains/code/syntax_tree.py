"""What the syntax tree of a definition tells: parameters, calls, a hash without names, whether it does anything."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hardneg.domains.code.definition import tokens_hash
from hardneg.domains.code.grammars import Grammar

if TYPE_CHECKING:
    from tree_sitter import Node

_IDENTIFIERS = {"identifier", "shorthand_property_identifier_pattern"}
_NOT_NAMES = {"type", "value", "right", "return_type", "result"}  # fields of a parameter beside its name
_OWN = {"self", "this", "super", "Self"}
_CALLEE = re.compile(r"[A-Za-z_$][\w$]*(?:\.#?[A-Za-z_$][\w$]*)*")
_LAST = re.compile(r"[A-Za-z_$][\w$]*$")
_ARGUMENTS_OF_TYPES = re.compile(r"(?:::)?<[^()]*>")

_LITERAL = r"""(?:null|nil|None|undefined|true|false|NULL|-?\d[\w.]*|"[^"]*"|'[^']*'|\[\]|\{\}|\(\))"""
# A single statement that any function could hold: nothing, a constant or a name returned, "not implemented".
_NOTHING = re.compile(
    rf"""(?:return\b\s*)?{_LITERAL}?;?
    |return\s+[\w$]+;?
    |throw\s+(?:new\s+)?[\w.]*(?:NotImplemented|Unsupported|NotSupported)\w*\(.*\);?
    |throw\s+(?:new\s+)?\w*(?:Error|Exception)\(.*(?:not\s+implemented|unimplemented|abstract|not\s+supported).*\);?
    |(?:unimplemented|todo)!\(.*\);?
    |panic!?\(.*(?:not\s+implemented|unimplemented).*\);?""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_BASE_CALL = re.compile(r"(?:return\s+)?(?:await\s+)?(?:\w+\.)?super(?:\.([\w$]+))?\s*\([^()]*\);?")


def parameter_names(parameters: "Node | None") -> tuple[str, ...]:
    """List the names that a list of parameters gives, in order; types and default values hold none."""
    return () if parameters is None else tuple(_text(node) for node in _named_in(parameters))


def shape_of(node: "Node", parameters: "Node | None") -> str:
    """Write parameters without names and default values, and what is returned: "(int _, String ... _) -> List<T>"."""
    written = " ".join(_blanked(parameters)) if parameters is not None else ""
    if not written.startswith("("):
        written = f"({written})"
    for field in ("return_type", "result", "type"):
        returned = node.child_by_field_name(field)
        if returned is not None:
            written += f" -> {_one_line(returned).removeprefix(':').strip()}"
            break
    return re.sub(r" (?=[,)])|(?<=\() ", "", written)


def calls_of(node: "Node", body: "Node | None", grammar: Grammar) -> tuple[str, ...]:
    """List what is called in a body, sorted, each once."""
    if body is None:
        return ()
    local = _bound_names(node, grammar)
    called = {_callee(child, grammar, local) for child in _nodes(body) if child.type in grammar.calls}
    return tuple(sorted(called - {""}))


def hash_of(node: "Node", symbol: str, grammar: Grammar, *, named: bool) -> str:
    """Hash a definition without comments, modifiers, and the names that it alone decides.

    Parameters and local variables become numbers in the order in which they appear. What it calls, fields, types and
    constants stay, also where they are called like the definition.
    """
    local = _bound_names(node, grammar)
    name = node.child_by_field_name("name")
    numbers: dict[str, str] = {}
    tokens = [grammar.package, symbol] if named else [grammar.package]
    for leaf in _leaves(node, grammar):
        text = _text(leaf)
        if text == symbol and (leaf == name or (leaf.type == "identifier" and not _is_member(leaf))):
            tokens.append("it")
        elif text in local and leaf.type in _IDENTIFIERS | {"shorthand_property_identifier"}:
            tokens.append(numbers.setdefault(text, str(len(numbers))))
        else:
            tokens.append(text.replace("'", '"'))
    return tokens_hash(tokens)


def is_trivial(body: "Node | None", symbol: str, grammar: Grammar) -> bool:
    """Tell whether a body holds nothing but what any other function could hold as well.

    Such are no statement, a constant or a lone name returned, an error that says "not implemented", and the same method
    of a base class called.
    """
    if body is None:
        return True
    statements = [child for child in _statements(body) if child.type not in grammar.comments]
    if len(statements) != 1:
        return not statements
    text = _one_line(statements[0])
    base = _BASE_CALL.fullmatch(text)
    return bool(_NOTHING.fullmatch(text)) or (base is not None and base[1] in {None, symbol})


def _statements(body: "Node") -> "list[Node]":
    children = body.named_children
    if len(children) == 1 and children[0].type in {"statement_list", "field_declaration_list"}:
        return children[0].named_children
    return children if body.type.endswith(("block", "body", "compound_statement", "list", "_type")) else [body]


def _named_in(node: "Node") -> "Iterator[Node]":
    if node.type in _IDENTIFIERS:
        yield node
    for number, child in enumerate(node.children):
        if node.field_name_for_child(number) not in _NOT_NAMES:
            yield from _named_in(child)


def _blanked(node: "Node") -> Iterator[str]:
    """Write the leaves of parameters; names become blanks, and of a default value only "=" is left."""
    if node.type in _IDENTIFIERS:
        yield "_"
    elif node.child_count == 0 and "comment" not in node.type:
        yield _text(node)
    for number, child in enumerate(node.children):
        field = node.field_name_for_child(number)
        if field == "type":
            yield _one_line(child)
        elif field not in {"value", "right"}:
            yield from _blanked(child)


def _bound_names(node: "Node", grammar: Grammar) -> frozenset[str]:
    bound: set[str] = set()
    for child in _nodes(node):
        if child.type in grammar.parameters:
            bound.update(parameter_names(child))
        for number, inner in enumerate(child.children):
            if (child.type, child.field_name_for_child(number)) in grammar.binds:
                bound.update(_text(each) for each in _named_in(inner))
    return frozenset(bound)


def _callee(call: "Node", grammar: Grammar, local: frozenset[str]) -> str:
    """Name what is called; empty for a value without a name, or a local variable."""
    ends = [node for field in grammar.calls[call.type] if (node := call.child_by_field_name(field)) is not None]
    if not ends:
        return ""
    source = call.text or b""
    written = source[ends[0].start_byte - call.start_byte : ends[-1].end_byte - call.start_byte].decode()
    text = re.sub(r"\s+|\?(?=\.)", "", _ARGUMENTS_OF_TYPES.sub("", written)).replace("::", ".").replace("->", ".")
    if call.type == "macro_invocation":
        return f"{text}!"
    root, _, rest = text.partition(".")
    if _CALLEE.fullmatch(text) and root not in local | _OWN:
        return text
    last = _LAST.search(text)
    return f".{last[0]}" if last and (rest or not _CALLEE.fullmatch(text)) else ""


def _nodes(node: "Node") -> "Iterator[Node]":
    """Go through a tree from the top, in the order of the text."""
    waiting = [node]
    while waiting:
        at = waiting.pop()
        yield at
        waiting += reversed(at.named_children)


def _leaves(node: "Node", grammar: Grammar) -> "Iterator[Node]":
    waiting = [node]
    while waiting:
        at = waiting.pop()
        if at.type in grammar.comments | grammar.unsaid or at.type == ";":
            continue
        if at.child_count == 0:
            yield at
        waiting += reversed(at.children)


def _is_member(node: "Node") -> bool:
    before = node.prev_sibling
    return before is not None and before.type in {".", "?.", "::", "->"}


def _text(node: "Node") -> str:
    return (node.text or b"").decode()


def _one_line(node: "Node") -> str:
    return " ".join(_text(node).split())
