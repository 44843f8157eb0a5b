"""Write the generated pages of the documentation, or check that they are fresh (`--check`)."""

import subprocess
import sys
from pathlib import Path

from hardneg.recipe.reference import updated

DOCS = Path(__file__).parent
COMMANDS = (
    (),
    ("run",),
    ("mine",),
    ("audit",),
    ("calibrate",),
    ("teacher", "train"),
    ("score",),
    ("train",),
    ("evaluate",),
    ("export",),
    ("data", "check"),
    ("data", "python"),
    ("data", "pairs"),
)
HEAD = """# Command line

Generated from the commands' own help. Exit codes: 0 done, 1 findings that the user asked to fail on, 2 bad input,
3 interrupted and resumable.
"""


def cli_page() -> str:
    """Collect the help of every command."""
    parts = [HEAD]
    for command in COMMANDS:
        title = " ".join(("hardneg", *command))
        run = [sys.executable, "-m", "hardneg", *command, "--help"]
        environment = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", "PATH": ""}
        shown = subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout
        lines = "\n".join(line.rstrip() for line in shown.strip().splitlines())
        parts.append(f"\n## `{title}`\n\n```text\n{lines}\n```\n")
    return "".join(parts)


def start_page() -> str:
    """Turn the README into the first page, with its links as seen from here."""
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    return text.replace("](docs/", "](").replace("[benchmarks](benchmarks/README.md)", "`benchmarks/README.md`")


def main() -> int:
    """Write or check; 1 if a page is stale."""
    recipes = DOCS / "recipes.md"
    pages = {
        DOCS / "index.md": start_page(),
        DOCS / "cli.md": cli_page(),
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
