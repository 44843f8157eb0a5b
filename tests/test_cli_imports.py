"""Commands parse, call the library and print: no module of `hardneg.cli` imports more than three library modules.

Counted is every module of `hardneg` outside `hardneg.cli`, wherever in the file it is imported; the root, with all its
verbs, is one. Not counted: `hardneg.errors`, and imports for type checkers alone.
"""

import ast
from pathlib import Path

import pytest

CLI = Path(__file__).parents[1] / "src" / "hardneg" / "cli"
MODULES = {path.stem for path in CLI.parent.iterdir()}
MOST = 3


def library_modules(tree: ast.Module) -> set[str]:
    skipped = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "hardneg":
            names |= {f"hardneg.{each.name}" if each.name in MODULES else "hardneg" for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    ours = {name for name in names if name.split(".")[0] == "hardneg"}
    return {name for name in ours if not name.startswith("hardneg.cli") and name != "hardneg.errors"}


@pytest.mark.parametrize("path", sorted(CLI.glob("*.py")), ids=lambda path: path.stem)
def test_a_command_leaves_the_work_to_the_library(path):
    modules = library_modules(ast.parse(path.read_text()))
    assert len(modules) <= MOST, f"{path.name} imports {', '.join(sorted(modules))}"
