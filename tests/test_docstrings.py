"""Full sections are for what users call: names of the root and of rooms, protocols, components, names on pages.

Elsewhere one sentence says what a function is for, and perhaps a second what would surprise its reader.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "hardneg"
SECTION = re.compile(r"^ *(Args|Returns|Raises|Yields):$", re.MULTILINE)


def exported() -> set[str]:
    """Names in a package's `__all__` or a table of components, tables of a recipe, and what pages import."""
    names = set()
    rooms = [SRC / "training" / "masks.py", SRC / "training" / "sampling" / "clusters.py"]
    for door in [SRC / "recipe" / "reference.py", *rooms, *SRC.rglob("__init__.py")]:
        for node in ast.parse(door.read_text()).body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.List | ast.Dict):
                names |= {each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant)}
                names |= {each.id for each in ast.walk(node.value) if isinstance(each, ast.Name)}
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "domains").glob("*.md")]:
        for found in re.finditer(r"^ *from hardneg[\w.]* import (.+)$", page.read_text(), re.MULTILINE):
            names |= set(re.findall(r"\w+", found[1]))
        names |= set(re.findall(r"^::: hardneg[\w.]*\.(\w+)$", page.read_text(), re.MULTILINE))
    return names


def definitions(tree: ast.Module, public: set[str]) -> Iterator[tuple[ast.AST, bool]]:
    """Functions and classes, each with whether it is public; methods are as public as their class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            is_protocol = any("Protocol" in ast.unparse(base) for base in node.bases)
            is_public = node.name in public or is_protocol
            yield node, is_public
            yield from ((each, is_public) for each in node.body if isinstance(each, ast.FunctionDef))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node, node.name in public


@pytest.mark.parametrize("room", sorted({path.relative_to(SRC).parts[0] for path in SRC.rglob("*.py")}))
def test_only_what_users_call_has_full_sections(room):
    public = exported()
    files = sorted((SRC / room).rglob("*.py")) if (SRC / room).is_dir() else [SRC / room]
    wordy = [
        f"{path.relative_to(SRC)}:{node.lineno} {node.name}"
        for path in files
        for node, is_public in definitions(ast.parse(path.read_text()), public)
        if not is_public and SECTION.search(ast.get_docstring(node) or "")
    ]
    assert not wordy
