"""Write the generated pages of the documentation, or check that they are fresh (`--check`)."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

from hardneg.recipe import shipped_recipes
from hardneg.recipe.reference import updated

DOCS = Path(__file__).parent
FORMATS = DOCS.parent / "benchmarks" / "formats" / "results"
COMMANDS = (
    (),
    ("fit",),
    ("init",),
    ("run",),
    ("mine",),
    ("audit", "planted"),
    ("audit", "judged"),
    ("audit", "sample"),
    ("audit", "frontier"),
    ("calibrate",),
    ("review",),
    ("status",),
    ("teacher", "train"),
    ("score",),
    ("train",),
    ("encode",),
    ("evaluate",),
    ("export",),
    ("report",),
    ("push",),
    ("pull",),
    ("verify",),
    ("doctor",),
    ("cache", "ls"),
    ("cache", "prune"),
    ("ladder",),
    ("compare",),
    ("estimate",),
    ("data", "check"),
    ("data", "python"),
    ("data", "code"),
    ("data", "sections"),
    ("data", "split"),
    ("data", "pairs"),
    ("data", "conversations"),
    ("data", "interactions"),
    ("data", "questions"),
)
# Where protocols of the seams stand, and those that every component of a seam has.
OPTIONAL = ("sources/protocol.py", "filters/protocol.py", "scoring/protocol.py", "losses/protocol.py")
SEAMS = ("Source", "Filter", "Scorer", "Loss")
# One process for all: each of its own would import everything anew.
HELPS = """
import json, sys
from contextlib import redirect_stdout
from io import StringIO
from hardneg.cli import main

def shown(command):
    with redirect_stdout(StringIO()) as stream:
        status = main([*command, "--help"])
    assert status == 0, command
    return stream.getvalue()

print(json.dumps([shown(command) for command in json.loads(sys.argv[1])]))
"""
HEAD = """# Command line

Generated from the commands' own help.

## Exit codes

| code | meaning |
|---|---|
| 0 | done; findings may have been printed, and none of them asks for another exit code |
| 1 | findings: `hardneg data check` found an error that must be mended before training, or a rung of `hardneg ladder` failed |
| 2 | bad input: an option, a recipe, a dataset, a model or a folder cannot be used. One message on stderr says which and what to do |
| 3 | interrupted, by Ctrl-C, by SIGTERM or by an answer of no; what was done is kept, and the same command goes on from there |

## At the prompt

`hardneg --install-completion` has the shell complete commands and options (bash, zsh, fish, PowerShell), from the next one that
is opened; `--show-completion` prints the script in place of installing it. Where `NO_COLOR` is set, nothing is coloured. Each
command's help ends with lines to be typed as they are, with a dataset in `data/mine`.

Messages call an option as it is typed, `--skip-invalid`; in a recipe and in Python the same is `skip_invalid`.
"""  # noqa: E501 - rows of a table
BOOK_HEAD = """# Recipe book

Generated from the recipes that hardneg ships. `quickstart`, `nl2bash` and `scifact` are experiments on one dataset; all
others take any:

    hardneg run star --dataset data/mine --model sentence-transformers/all-MiniLM-L6-v2 -o runs/star

To change one, copy what stands below into a file of your own. Every key is in [Recipes](recipes.md), and a run folder
keeps the recipe with all defaults written out. Behind each value stands where it comes from:

- **[source]**: seen in the authors' own code, or in the paper's own text.
- **[others]**: read in other people's notes on the paper.
- **[memory]**: not checked. Read the paper before you rely on it.
- **ours**: chosen here, with no paper behind it.

None of these settings was tuned on your data. The table at the end of each run says what it gained there.
[Papers](papers.md) lists the recipes by paper.
"""


def cli_page() -> str:
    """Collect the help of every command."""
    environment = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", "PATH": ""}
    environment["PYTHONPATH"] = str(DOCS.parent / "src")  # the pages are those of this checkout
    run = [sys.executable, "-c", HELPS, json.dumps(COMMANDS)]
    helps = json.loads(subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout)
    parts = [HEAD]
    for command, shown in zip(COMMANDS, helps, strict=True):
        title = " ".join(("hardneg", *command))
        lines = "\n".join(line.rstrip() for line in shown.strip().splitlines())
        parts.append(f"\n## `{title}`\n\n```text\n{lines}\n```\n")
    return "".join(parts)


def book_page() -> str:
    """Turn the shipped recipes into a page: the comment at the top of each as text, the rest as it is."""
    parts = [BOOK_HEAD]
    for name, path in shipped_recipes().items():
        lines = path.read_text(encoding="utf-8").splitlines()
        n_head = next(number for number, line in enumerate(lines) if not line.startswith("#"))
        head = "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[:n_head])
        body = "\n".join(lines[n_head:]).strip()
        parts.append(f"\n## `{name}`\n\n{linked(head)}\n\n```toml\n{body}\n```\n")
    return "".join(parts)


def linked(text: str) -> str:
    """Link the papers that a text names."""
    return re.sub(r"arXiv:(\d{4}\.\d{5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)


def start_page() -> str:
    """Turn the README into the first page, with its links as seen from here."""
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    return re.sub(r"\[[^]]+\]\((benchmarks/[^)]+)\)", r"`\1`", text.replace("](docs/", "]("))


def rooms_table() -> str:
    """List the rooms from the top down, as the contract of imports has them, each with what its package says it is."""
    import tomllib

    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    lines = ["| may import what is below | |", "|---|---|"]
    for layer in project["tool"]["importlinter"]["contracts"][0]["layers"]:
        for name in layer.split(" | "):
            place = DOCS.parent / "src" / Path(*name.split("."))
            file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
            about = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]
            lines.append(f"| `{name.removeprefix('hardneg.')}` | {about} |")
    return "\n".join(lines)


def offers_table() -> str:
    """List the optional protocols of the seams: their members, what they mean, and the modules that ask for them."""
    source = DOCS.parent / "src" / "hardneg"
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(source.rglob("*.py"))}
    asked = {path: _asked(tree) for path, tree in trees.items()}
    lines = ["| protocol | members | a component that has them | asked for by |", "|---|---|---|---|"]
    for room in OPTIONAL:
        place = source / room
        for each in trees[place].body:
            if not isinstance(each, ast.ClassDef) or not each.decorator_list or each.name in SEAMS:
                continue
            members = ", ".join(f"`{one.name}`" for one in each.body if isinstance(one, ast.FunctionDef))
            about = (ast.get_docstring(each) or "").partition("\n")[0]
            asking = [path for path, names in asked.items() if each.name in names]
            rooms = ", ".join(f"`{'.'.join(path.relative_to(source).with_suffix('').parts)}`" for path in asking)
            lines.append(
                f"| `{'.'.join(Path(room).with_suffix('').parts)}.{each.name}` | {members} | {about} | {rooms} |"
            )
    return "\n".join(lines)


def _module(path: Path) -> str:
    return ".".join(path.with_suffix("").parts)


def _asked(tree: ast.Module) -> set[str]:
    """Name what a module looks for in a component: by `isinstance`, or for each of some protocols."""
    nodes = list(ast.walk(tree))
    asked = [each.args[1] for each in nodes if isinstance(each, ast.Call) and _is_isinstance(each)]
    asked += [each.iter for each in nodes if isinstance(each, ast.comprehension)]
    return {one.id for each in asked for one in ast.walk(each) if isinstance(one, ast.Name)}


def _is_isinstance(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "isinstance"


def architecture_page() -> str:
    """Fill in the tables on the page on architecture."""
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    for name, table in (("rooms", rooms_table()), ("offers", offers_table())):
        filled = f"<!-- {name} -->\n\n{table}\n\n<!-- /{name} -->"
        text = re.sub(rf"<!-- {name} -->.*<!-- /{name} -->", lambda _, new=filled: new, text, flags=re.DOTALL)
    return text


def forms_table() -> str:
    """List the forms of `hardneg export`."""
    from hardneg.exports import FORMS

    lines = ["| form | for | written as | a row for each | ids | scores |", "|---|---|---|---|---|---|"]
    scores = {"needed": "needed", "asked": "`--scores`", "kept": "as mined", "never": "no"}
    ids = {"always": "yes", "asked": "`--ids`", "never": "no"}
    for name, form in FORMS.items():
        kind = " or ".join(f"`{suffix}`" for suffix in form.suffixes) or "folder"
        lines.append(f"| `{name}` | {form.reader} | {kind} | {form.row} | {ids[form.ids]} | {scores[form.scores]} |")
    return "\n".join(lines)


def losses_table() -> str:
    """List what each form cannot carry, as its manifest says."""
    from hardneg.exports import FORMS

    lines = ["| form | what it cannot carry |", "|---|---|"]
    for name, form in FORMS.items():
        lines.append(f"| `{name}` | {'; '.join(f'**{what}**: {why}' for what, why in form.cannot) or 'nothing'} |")
    return "\n".join(lines)


def peers_table() -> str:
    """List who read what, as `make formats` kept it."""
    from hardneg.exports import FORMS

    results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FORMATS.glob("*.json"))]
    of_hardneg = {row["form"]: row for each in results if each["peer"] == "hardneg" for row in each["forms"]}
    lines = [
        "| form | out: the peer's installed loader | out: its documents | in: `read_dataset` |",
        "|---|---|---|---|",
    ]
    for form in FORMS:
        rows = [
            f"{each['peer']} {row.get('version', '')}".rstrip()
            + f": {row['result']}"
            + (f", scores {row['scores']}" if row.get("scores") == "read" else "")
            for each in results
            if each["peer"] != "hardneg"
            for row in each["forms"]
            if row["form"] == form
        ]
        own_row = of_hardneg.get(form, {})
        cells = ("; ".join(rows) or "not tried", own_row.get("documents", "–"), own_row.get("back", "–"))
        lines.append(f"| `{form}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def formats_page() -> str:
    """Fill in the tables on the page on formats."""
    text = (DOCS / "formats.md").read_text(encoding="utf-8")
    for name, table in (("forms", forms_table()), ("lost", losses_table()), ("peers", peers_table())):
        filled = f"<!-- {name} -->\n\n{table}\n\n<!-- /{name} -->"
        text = re.sub(rf"<!-- {name} -->.*<!-- /{name} -->", lambda _, new=filled: new, text, flags=re.DOTALL)
    return text


def main() -> int:
    """Write or check; 1 if a page is stale."""
    recipes = DOCS / "recipes.md"
    pages = {
        DOCS / "index.md": start_page(),
        DOCS / "cli.md": cli_page(),
        DOCS / "recipe_book.md": book_page(),
        DOCS / "architecture.md": architecture_page(),
        DOCS / "formats.md": formats_page(),
        recipes: updated(recipes.read_text(encoding="utf-8")),
    }
    stale = [page for page, text in pages.items() if not page.exists() or page.read_text(encoding="utf-8") != text]
    if "--check" not in sys.argv:
        for page in stale:
            page.write_text(pages[page], encoding="utf-8")
        return 0
    for page in stale:
        sys.stderr.write(f"{page} is stale: run make docs\n")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
