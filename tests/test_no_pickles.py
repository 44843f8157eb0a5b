"""Nothing in the package writes or reads objects that are code."""

import ast
from pathlib import Path

import hardneg

PICKLES = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "copyreg"}


def test_no_module_knows_how_to_pickle():
    for path in Path(hardneg.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            named += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not PICKLES & {name.partition(".")[0] for name in named}, path
            allows = isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "weights_only")
            assert not allows or ast.unparse(node) in ("allow_pickle=False", "weights_only=True"), path
