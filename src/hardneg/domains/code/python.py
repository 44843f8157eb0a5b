"""Functions and classes of a Python file: what their docstring says, and their source without it."""

import ast
import io
import tokenize
import warnings
from collections.abc import Iterator

from hardneg.domains.code.definition import Definition
from hardneg.domains.code.python_tree import (
    DefinitionNode,
    FunctionNode,
    calls_and_hash,
    is_trivial,
    parameters_of,
    shape_of,
    signature_of,
)


def python_definitions(source: bytes) -> list[Definition]:
    """List the definitions of a file, nested ones included, in the order of the file."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    except SyntaxError as error:
        raise ValueError(str(error)) from error
    text = io.TextIOWrapper(io.BytesIO(source), encoding=encoding).read()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a wrong escape in the user's file is none of our business
        tree = ast.parse(text)
    lines = [line.encode() for line in text.split("\n")]
    return [_definition(node, scope, parent, lines) for node, scope, parent in _walk(tree, scope=())]


def _walk(node: ast.AST, *, scope: tuple[str, ...]) -> Iterator[tuple[DefinitionNode, tuple[str, ...], ast.AST]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, DefinitionNode):
            yield child, scope, node
        yield from _walk(child, scope=(*scope, child.name) if isinstance(child, DefinitionNode) else scope)


def _definition(node: DefinitionNode, scope: tuple[str, ...], parent: ast.AST, lines: list[bytes]) -> Definition:
    is_class = isinstance(node, ast.ClassDef)
    method = isinstance(parent, ast.ClassDef)
    docstring = ast.get_docstring(node)
    trivial = is_trivial(node)
    calls, ast_hash = calls_and_hash(node, named=trivial)
    return Definition(
        kind="class" if is_class else "method" if method else "function",
        symbol=node.name,
        scope=".".join(scope),
        line=_first_line(node),
        summary=" ".join((docstring or "").strip().split("\n\n")[0].split()),
        source=_source(node, lines, documented=docstring is not None),
        signature=signature_of(node),
        shape=shape_of(node, bound=method),
        parameters=parameters_of(node),
        calls=calls,
        ast_hash=ast_hash,
        trivial=trivial,
    )


def _source(node: DefinitionNode, lines: list[bytes], *, documented: bool) -> str:
    """Take the lines of a definition without its docstring; of a class without the bodies of its methods."""
    start = _first_line(node)
    kept = lines[start - 1 : (node.end_lineno or node.lineno)]
    for function in reversed(list(_methods(node)) if isinstance(node, ast.ClassDef) else []):
        kept = _cut(kept, function.body[0], function.body[-1], first=start, instead=b"...")
    if documented:
        kept = _cut(kept, node.body[0], node.body[0], first=start, instead=b"")
    return _dedented(kept)


def _first_line(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, DefinitionNode) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _methods(node: ast.AST) -> Iterator[FunctionNode]:
    """List the functions inside a class, in order, but none inside another."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FunctionNode):
            yield child
        else:
            yield from _methods(child)


def _cut(lines: list[bytes], start: ast.stmt, end: ast.stmt, *, first: int, instead: bytes) -> list[bytes]:
    """Cut statements out of lines by their exact position; lines left blank by it go too.

    Offsets count bytes of UTF-8, as `ast` does.
    """
    top, bottom = _first_line(start) - first, (end.end_lineno or end.lineno) - first
    before = lines[top][: start.col_offset]
    after = lines[bottom][end.end_col_offset :].lstrip(b" \t;")
    if instead and after:
        after = b"  " + after
    joined = before + instead + after if before.strip() or instead or after else b""
    return [*lines[:top], *([joined.rstrip()] if joined.strip() else []), *lines[bottom + 1 :]]


def _dedented(lines: list[bytes]) -> str:
    """Take the first line's indentation away from every line that has it."""
    texts = [line.decode() for line in lines]
    indent = texts[0][: len(texts[0]) - len(texts[0].lstrip())]
    return "\n".join(text.removeprefix(indent) for text in texts).rstrip()
