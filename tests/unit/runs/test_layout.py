"""Names of files and stages of a run stand in one module."""

import ast
from pathlib import Path

import pytest

import hardneg
from hardneg.runs import layout
from hardneg.runs.layout import Seeded, StageKey

SOURCE = Path(hardneg.__file__).parent
NAMES = {value for name, value in vars(layout).items() if name.isupper() and isinstance(value, str)}


def literals(path):
    """Texts in the code of a module; docstrings and what is said to people by keywords left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    told += [each.value for node in ast.walk(tree) if isinstance(node, ast.Call) for each in node.keywords]
    left_out = {id(each) for each in told}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out
    ]


def test_no_other_module_names_a_file_of_a_run():
    assert len(NAMES) > 10
    found = {
        (str(path.relative_to(SOURCE)), text)
        for path in SOURCE.rglob("*.py")
        if path != SOURCE / "runs" / "layout.py"
        for text in literals(path)
        if any(text == name or text.endswith(f"/{name}") for name in NAMES)
        or (text.endswith("-seed") and text != "--seed")
    }
    assert found == {(str(Path("cli", "options.py")), "--seed")} & found


@pytest.mark.parametrize("name", ["mined-seed0", "in_batch.first-seed12", "bm25", "a-seedling"])
def test_a_row_and_its_seed_are_written_and_read(name):
    assert str(Seeded.parse(name)) == name


@pytest.mark.parametrize("key", ["dataset", "mine", "train mined-seed0", "evaluate bm25", "mine first-seed3"])
def test_a_stage_is_written_and_read(key):
    assert str(StageKey.parse(key)) == key
    assert StageKey.parse("train mined-seed7").of == Seeded("mined", 7)
