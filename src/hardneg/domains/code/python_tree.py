"""What the syntax tree of a Python definition tells: signature, calls, a hash, whether it does anything."""

import ast
from collections.abc import Iterator

from hardneg.domains.code.definition import tokens_hash

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
DefinitionNode = FunctionNode | ast.ClassDef

_IGNORED = {"ctx", "annotation", "returns", "type_comment", "type_params", "kind"}  # no part of what code does
# Where a node keeps a name that it binds or uses.
_NAMES: dict[type[ast.AST], str] = {
    ast.Name: "id",
    ast.arg: "arg",
    ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name",
    ast.ClassDef: "name",
    ast.ExceptHandler: "name",
    ast.MatchAs: "name",
    ast.MatchStar: "name",
    ast.MatchMapping: "rest",
}


def signature_of(node: DefinitionNode) -> str:
    """Write the head of a definition on one line, without its colon."""
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(each) for each in (*node.bases, *node.keywords))
        return f"class {node.name}({bases})" if bases else f"class {node.name}"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    head = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    return f"{head} {node.name}({ast.unparse(node.args)}){returns}"


def parameters_of(node: DefinitionNode) -> tuple[str, ...]:
    """List the names of a function's parameters in order; a class has none."""
    if isinstance(node, ast.ClassDef):
        return ()
    args = node.args
    listed = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
    return tuple(each.arg for each in listed if each is not None)


def shape_of(node: DefinitionNode, *, bound: bool) -> str:
    """Write a function's parameters without names, annotations and values."""
    if isinstance(node, ast.ClassDef):
        return ""
    args = node.args
    plain = ["_"] * (len(args.posonlyargs) + len(args.args) - len(args.defaults)) + ["_="] * len(args.defaults)
    static = any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in node.decorator_list)
    if bound and not static:
        plain = plain[1:]
    star = ["*_"] if args.vararg else ["*"] if args.kwonlyargs else []
    named = ["_" if default is None else "_=" for default in args.kw_defaults]
    return f"({', '.join([*plain, *star, *named, *(['**_'] if args.kwarg else [])])})"


def calls_and_hash(node: DefinitionNode, *, named: bool) -> tuple[tuple[str, ...], str]:
    """List what a definition calls, and hash it without documentation, annotations and names that it alone decides.

    Parameters and local variables become numbers given by where they first appear, so the hash is that of all
    definitions that a renaming makes equal. What it calls, attributes, keywords and constants stay, also where they are
    called like the definition: `match` and `search` that only hand on to methods of these names are no clones.
    """
    nodes = _nodes(node)
    bound = _bound_names(node, nodes)
    called = {_callee(each.func, bound) for each in nodes if isinstance(each, ast.Call)}
    names = dict.fromkeys(bound, "") | ({} if named else {node.name: "it"})
    tokens: list[str] = []
    _write(node, names, tokens)
    return tuple(sorted(called - {""})), tokens_hash(tokens)


def is_trivial(node: DefinitionNode) -> bool:
    """Tell whether the body, documentation aside, holds nothing but what any other function could hold as well.

    Such are `pass`, a constant or a lone name returned, NotImplementedError raised, and the same method of a base class
    called.
    """
    return all(_says_nothing(statement, node.name) for statement in node.body)


def _says_nothing(statement: ast.stmt, name: str) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(ast.Constant()) | ast.Return(None):
            return True
        case ast.Raise(exc=ast.Name(id="NotImplementedError") | ast.Call(func=ast.Name(id="NotImplementedError"))):
            return True
        case ast.Return(value) | ast.Expr(value):
            if isinstance(value, ast.Await):
                value = value.value
            return value is not None and (_is_plain(value) or _calls_base(value, name))
    return False


def _is_plain(value: ast.expr) -> bool:
    match value:
        case ast.Constant() | ast.Name() | ast.UnaryOp(operand=ast.Constant()):
            return True
        case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]):
            return True
    return False


def _calls_base(value: ast.expr, name: str) -> bool:
    match value:
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=attr)):
            return attr == name
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr=attr), args=[ast.Name(id="self" | "cls"), *_]):
            return attr == name
    return False


def _nodes(root: ast.AST) -> list[ast.AST]:
    """List a node and all below it; as `ast.walk`, in a third of the time."""
    nodes = [root]
    for node in nodes:  # the list grows while it is read
        for field in node._fields:
            value = None if field in _IGNORED else getattr(node, field, None)
            if isinstance(value, ast.AST):
                nodes.append(value)
            elif isinstance(value, list):
                nodes.extend(each for each in value if isinstance(each, ast.AST))
    return nodes


def _bound_names(node: DefinitionNode, nodes: list[ast.AST]) -> set[str]:
    """Names that functions inside a definition bind for themselves; attributes of a class are not among them."""
    if isinstance(node, ast.ClassDef):
        methods = [each for each in node.body if isinstance(each, FunctionNode)]
        bound: set[str] = set().union(*(_bound_names(each, _nodes(each)) for each in methods))
        return bound - {each.name for each in methods}
    bound, free = set(), set()
    for each in nodes:
        if isinstance(each, ast.Name):
            bound.update((each.id,) if isinstance(each.ctx, ast.Store) else ())
        elif isinstance(each, ast.Global | ast.Nonlocal):
            free.update(each.names)
        elif type(each) in _NAMES and each is not node:
            bound.add(getattr(each, _NAMES[type(each)]))
    return bound - free - {None}


def _callee(callee: ast.expr, local: set[str]) -> str:
    """Name what is called; empty for a value without a name, or a local variable."""
    parts: list[str] = []
    while isinstance(callee, ast.Attribute):
        parts.append(callee.attr)
        callee = callee.value
    if isinstance(callee, ast.Name) and callee.id not in local:
        return ".".join([callee.id, *reversed(parts)])
    return f".{parts[0]}" if parts else ""


def _write(value: object, names: dict[str, str], tokens: list[str]) -> None:
    """Write a tree as tokens; a name of its own gets its number where it first appears."""
    if isinstance(value, list):
        tokens.append("[")
        for each in value:
            _write(each, names, tokens)
        tokens.append("]")
    elif isinstance(value, ast.AST):
        tokens.append(type(value).__name__)
        name_field = _NAMES.get(type(value))
        for field, child in _fields(value):
            if field == name_field and child in names:
                names[child] = names[child] or str(len(tokens))
                tokens.append(names[child])
            else:
                _write(child, names, tokens)
    else:
        tokens.append(repr(value))


def _fields(node: ast.AST) -> Iterator[tuple[str, object]]:
    for field, child in ast.iter_fields(node):
        if field == "body" and isinstance(node, DefinitionNode) and ast.get_docstring(node, clean=False) is not None:
            yield field, node.body[1:]
        elif field not in _IGNORED:
            yield field, child
