"""Names say one thing: a local is no participle such as `found`, and no class is called as one of another room is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import hardneg

PARTICIPLES = {"found", "known", "own", "said", "told", "taught"}
SOURCE = Path(hardneg.__file__).parent


def participles_in(source: str) -> Iterator[tuple[int, str]]:
    """List the line and name of each local of functions that is a participle; fields of classes are attributes."""
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.Lambda))
    names = {
        (name.lineno, name.id)
        for function in functions
        for name in ast.walk(function)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store) and name.id in PARTICIPLES
    }
    yield from sorted(names)


def test_locals_are_called_after_what_they_hold() -> None:
    named = [
        f"{path.relative_to(SOURCE.parent)}:{line}: {name}"
        for path in sorted(SOURCE.rglob("*.py"))
        for line, name in participles_in(path.read_text(encoding="utf-8"))
    ]
    assert not named, "name these after what they hold: " + ", ".join(named)


def test_participles_are_seen_wherever_they_are_bound() -> None:
    source = """
class Answers:
    found: int

    def count(self, found):
        told, [own] = found, [1]
        for known in told:
            yield [said for said in known if (taught := said)]
"""
    assert list(participles_in(source)) == [
        (6, "own"),
        (6, "told"),
        (7, "known"),
        (8, "said"),
        (8, "taught"),
    ]


def test_a_class_name_stands_in_one_room_only() -> None:
    homes: dict[str, list[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(str(path.relative_to(SOURCE)))
    twice = {name: places for name, places in homes.items() if len(places) > 1}
    assert not twice, f"name these apart: {twice}"
