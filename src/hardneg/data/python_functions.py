"""Functions of a Python file: what their docstring says, and their source without it."""

import ast
import io
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """One function.

    Args:
        name: Qualified name inside its file ("Path.read_text").
        line: Line on which it starts, decorators included, from 1.
        summary: First paragraph of its docstring, white space made single spaces; empty without a docstring.
        source: Its source without the docstring, decorators included, indented as at the top of a file.
    """

    name: str
    line: int
    summary: str
    source: str


def functions_of(source: bytes) -> list[Function]:
    """List the functions of a file, nested ones and methods included, in the order of the file.

    Args:
        source: The file as it is on disk; a declared encoding is respected.

    Returns:
        One entry a function, each before the functions inside it.

    Raises:
        SyntaxError: The file is not Python of the running version.
        ValueError: The file cannot be decoded or holds null bytes.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    except SyntaxError as error:
        raise ValueError(str(error)) from error
    text = io.TextIOWrapper(io.BytesIO(source), encoding=encoding).read()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a wrong escape in the user's file is none of our business
        tree = ast.parse(text)
    lines = [line.encode() for line in text.split("\n")]
    return [_function(name, node, lines) for name, node in _walk(tree, prefix="")]


def _walk(node: ast.AST, *, prefix: str) -> Iterator[tuple[str, FunctionNode]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FunctionNode):
            yield prefix + child.name, child
        inner = f"{prefix}{child.name}." if isinstance(child, FunctionNode | ast.ClassDef) else prefix
        yield from _walk(child, prefix=inner)


def _function(name: str, node: FunctionNode, lines: list[bytes]) -> Function:
    start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    docstring = ast.get_docstring(node)
    kept = lines[start - 1 : (node.end_lineno or node.lineno)]
    if docstring is not None:
        kept = _cut(kept, node.body[0], first=start)
    summary = " ".join((docstring or "").strip().split("\n\n")[0].split())
    return Function(name=name, line=start, summary=summary, source=_dedented(kept))


def _cut(lines: list[bytes], docstring: ast.stmt, *, first: int) -> list[bytes]:
    """Cut a statement out of lines by its exact position; lines left blank by it go too.

    Offsets count bytes of UTF-8, as `ast` does.
    """
    top, bottom = docstring.lineno - first, (docstring.end_lineno or docstring.lineno) - first
    before = lines[top][: docstring.col_offset]
    after = lines[bottom][docstring.end_col_offset :].lstrip(b" \t;")
    joined = before + after if before.strip() or after else b""
    return [*lines[:top], *([joined.rstrip()] if joined.strip() else []), *lines[bottom + 1 :]]


def _dedented(lines: list[bytes]) -> str:
    """Take the first line's indentation away from every line that has it."""
    texts = [line.decode() for line in lines]
    indent = texts[0][: len(texts[0]) - len(texts[0].lstrip())]
    return "\n".join(text.removeprefix(indent) for text in texts).rstrip()
