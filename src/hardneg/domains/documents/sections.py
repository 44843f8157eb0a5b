"""Documents as they lie about: tables of texts, datasets, and Markdown files cut at their headings."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hardneg.data.readers.pool import read_pool
from hardneg.data.reading import read_dataset
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

SCHEMA = {"id": pl.String, "source": pl.String, "title": pl.String, "kind": pl.String, "text": pl.String}
MARKDOWN = (".md", ".markdown")
_OF_DATASETS = ("corpus", "documents.", "queries.", "qrels")  # names of files and folders in a dataset's folder

_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True)
class MarkdownSection:
    """What stands below a heading of a Markdown text, without what stands below the headings under it."""

    path: tuple[str, ...]  # headings from the highest to its own; empty before the first
    text: str


def markdown_sections(text: str) -> Iterator[MarkdownSection]:
    r"""Cut a Markdown text at its headings; what looks like one within a block of code is none.

    >>> [(each.path, each.text) for each in markdown_sections("# A\nfirst\n## B\nsecond\n# C\nthird")]
    [(('A',), 'first'), (('A', 'B'), 'second'), (('C',), 'third')]
    """
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = ""
        heading = None if fence else _HEADING.match(line)
        if heading is None:
            lines.append(line)
            continue
        if path or lines:  # else nothing stands before the first heading
            yield MarkdownSection(tuple(name for _, name in path), "\n".join(lines).strip())
        depth, lines = len(heading[1]), []
        path = [*(each for each in path if each[0] < depth), (depth, heading[2])]
    yield MarkdownSection(tuple(name for _, name in path), "\n".join(lines).strip())


def read_documents(paths: Sequence[str | Path], *, skip_invalid: bool = False) -> tuple[pl.DataFrame, dict[str, int]]:
    """Read documents from files, folders and datasets.

    Args:
        paths: Each a file of documents (JSON Lines, CSV, TSV, Parquet, or plain text with one a line), a Markdown
            file, a folder of Markdown files, or whatever `read_dataset` takes, whose documents are taken.
        skip_invalid: Whether rows that cannot be used are left out and counted.

    A heading that several sections have is named after the highest above it: "Export: What is recorded".

    Returns:
        Columns `id`, `source` (what is never divided between splits: a file, or a document), `title` ("" without one),
        `kind` ("heading" or "title", what the title is) and `text`; and what was left out, by reason.

    Raises:
        DatasetError: Nothing can be read from a path, or an id is there twice.
    """
    tables, skipped = [], dict[str, int]()
    for path in map(Path, paths):
        files = _markdown(path)
        rejections = Rejections(skip=skip_invalid)
        if files:
            tables.append(_of_markdown(files, path if path.is_dir() else path.parent))
        elif path.is_file():
            tables.append(_of_table(read_pool(path, rejections=rejections).documents))
        else:
            dataset = read_dataset(str(path), skip_invalid=skip_invalid)
            tables.append(_of_table(dataset.documents))
            rejections.counts.update(dataset.skipped)
        for reason, n in rejections.counts.items():
            skipped[reason] = skipped.get(reason, 0) + n
    table = pl.concat(tables)
    repeated = table.filter(pl.col("id").is_duplicated())["id"]
    if len(repeated):
        raise DatasetError(f"two documents have the id {repeated[0]!r}; give each an id of its own")
    return table, skipped


def _markdown(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix.lower() in MARKDOWN else []
    if not path.is_dir() or any(each.name.startswith(_OF_DATASETS) for each in path.iterdir()):
        return []
    return sorted(each for each in path.rglob("*") if each.suffix.lower() in MARKDOWN and each.is_file())


def _of_markdown(files: Sequence[Path], root: Path) -> pl.DataFrame:
    rows = []
    for file in files:
        name = file.relative_to(root).as_posix()
        try:
            text = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise DatasetError(f"no UTF-8 at byte {error.start}; save it as UTF-8", path=file) from error
        for number, section in enumerate(markdown_sections(text), start=1):
            if section.text:
                title, above = (section.path[-1], section.path[0]) if section.path else ("", "")
                rows.append((f"{name}#{number}", name, title, "heading", section.text, above))
    table = pl.DataFrame(rows, schema={**SCHEMA, "above": pl.String}, orient="row")
    shared = (pl.len().over("title") > 1) & (pl.col("above") != pl.col("title"))
    named = pl.when(shared).then(pl.col("above") + ": " + pl.col("title")).otherwise("title")
    return table.select(*SCHEMA.keys() - {"title"}, title=named).select(SCHEMA.keys())


def _of_table(documents: pl.DataFrame) -> pl.DataFrame:
    title = pl.col("title").fill_null("") if "title" in documents.columns else pl.lit("")
    table = documents.select("id", source="id", title=title, kind=pl.lit("title"), text="text")
    return table.filter(pl.col("text").str.strip_chars() != "").cast(pl.Schema(SCHEMA))
