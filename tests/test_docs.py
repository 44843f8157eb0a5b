"""What the documentation says is there, and what is there is in the documentation."""

import ast
import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from hardneg.cli.app import app

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def snippets(page):
    """Blocks of Python on a page, each with the number of lines above it."""
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield found[1], text.count("\n", 0, found.start(1))


def commands(group, path="hardneg"):
    for name, command in group.commands.items():
        if command.hidden:  # an old name
            continue
        yield f"{path} {name}"
        yield from commands(command, f"{path} {name}") if hasattr(command, "commands") else ()


def anchors(page):
    text = page.read_text(encoding="utf-8")
    explicit = re.findall(r"\{ *#([\w-]+) *\}", text)
    titles = re.findall(r"^#+ (.*?)(?: *\{.*\})?$", text, re.MULTILINE)
    return {*explicit, *(re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles)}


@pytest.mark.parametrize("command", list(commands(typer.main.get_command(app))))
def test_every_command_is_on_the_command_line_page(command):
    if command not in ("hardneg audit", "hardneg cache", "hardneg data", "hardneg teacher"):
        assert f"## `{command}`" in (DOCS / "cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path) if path else page
        assert place.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(place), f"{page.name} links to {target}"


def test_every_findings_code_is_explained():
    explained = (DOCS / "findings.md").read_text(encoding="utf-8")
    codes = {code for path in ROOT.glob("src/**/*.py") for code in re.findall(r'"(HN\d{3})"', path.read_text())}
    assert codes
    assert [code for code in sorted(codes) if f"## {code} " not in explained] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_on_a_page_parses_and_sessions_show_what_they_say(page):
    names = {}  # blocks further down go on where those above stopped
    for text, line in snippets(page):
        if ">>>" not in text:
            ast.parse(text)
            continue
        session = doctest.DocTestParser().get_doctest(text, names, page.name, str(page), line)
        assert doctest.DocTestRunner(verbose=False).run(session, clear_globs=False).failed == 0
        names = session.globs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_imports_from_hardneg_exists(page):
    for text, _ in snippets(page):
        for line in re.findall(
            r"^(?:>>> )?(from hardneg[\w.]* import [\w, ]+|import hardneg\b.*)$", text, re.MULTILINE
        ):
            exec(line, {})


def test_generated_pages_are_fresh():
    command = [sys.executable, str(DOCS / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_of_the_code_that_a_page_names_is_there(page):
    text = page.read_text(encoding="utf-8")
    rooms = "|".join(sorted(each.name for each in (ROOT / "src" / "hardneg").iterdir() if each.is_dir()))
    named = re.findall(rf"`(?:src/hardneg/)?((?:{rooms})/[\w/]*\w+\.py)`", text)
    named += [f"../../{name}" for name in re.findall(r"`((?:tests|benchmarks)/[\w/]+\.(?:py|sh|toml))", text)]
    gone = [name for name in named if not (ROOT / "src" / "hardneg" / name).exists()]
    assert not gone, f"{page.name} names {', '.join(gone)}"
