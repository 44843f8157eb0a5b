"""Statutes and contracts cut by their structure, and the dataset whose documents are the sections."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.metadata import as_text, required_column
from hardneg.errors import DatasetError
from hardneg.search.legal_text import defined_terms, rule_of, section_path

PREAMBLE = "preamble"

_CONTAINERS = {"PART": 0, "SCHEDULE": 0, "APPENDIX": 0, "ANNEX": 0, "CHAPTER": 1}  # the wider the smaller
_KIND = "|".join((*_CONTAINERS, *(kind.title() for kind in _CONTAINERS)))
_DOTTED = r"\d+[A-Z]?(?:\.\d+[A-Z]?)*"
# At the beginning of a line: "PART 2", "Article 5", "§ 12", "3.1.2", "4." or "4)"; a bare "12 days" begins no section.
_HEADING = re.compile(
    rf"^[ \t]*(?:(?P<kind>{_KIND})[ \t]+(?P<label>\d+[A-Z]?|[IVXLC]+|[A-Z])\b"
    rf"|(?:ARTICLE|Article|SECTION|Section|RULE|Rule|§{{1,2}})[ \t]*(?P<named>{_DOTTED})\b"
    rf"|(?P<dotted>\d+[A-Z]?(?:\.\d+[A-Z]?)+)[.)]?(?=\s)|(?P<bare>\d+[A-Z]?)[.)](?=\s))",
    re.MULTILINE,
)
_SENTENCE_END = re.compile(r"(?<=[.;:!?])\s+|\n+")


@dataclass(frozen=True)
class Section:
    """A section of a text."""

    number: str  # as it stands in the text, without the words before it; of a part or chapter, with them
    path: list[str]  # what encloses it, the widest first, itself included
    text: str  # all of it, heading included


def split_sections(text: str) -> list[Section]:
    r"""Split a text at its headings.

    >>> [section.path for section in split_sections("PART 1 General\n1. Scope\nAll.\n1.1 Place\nHere.")]
    [['Part 1', 'Part 1.1'], ['Part 1', 'Part 1.1', 'Part 1.1.1']]
    """
    headings = list(_HEADING.finditer(text))
    head = text[: headings[0].start() if headings else len(text)].strip()
    sections = [Section(PREAMBLE, [PREAMBLE], head)] if head else []
    containers: list[tuple[int, str]] = []
    ends = [*(heading.start() for heading in headings), len(text)][1:]
    for heading, end in zip(headings, ends, strict=False):
        body = text[heading.start() : end].strip()
        kind = heading["kind"]
        if kind:
            rank, number = _CONTAINERS[kind.upper()], f"{kind.title()} {heading['label']}"
            containers = [*(each for each in containers if each[0] < rank), (rank, number)]
            path = [name for _, name in containers]
            if "\n" not in body:
                continue
        else:
            number = heading["named"] or heading["dotted"] or heading["bare"]
            path = [name for _, name in containers] + _levels(number)
        sections.append(Section(number, _joined(path), body))
    return sections


def pieces(text: str, *, max_words: int, overlap: int) -> list[str]:
    """Cut a text that is too long at the ends of sentences and list items.

    >>> pieces("One two. Three four. Five six.", max_words=4, overlap=1)
    ['One two. Three four.', 'Three four. Five six.']
    """
    if len(text.split()) <= max_words:
        return [text]
    sentences = list(_sentences(text, max_words))
    parts, start = [], 0
    while start < len(sentences):
        end, n_words = start, 0
        while end < len(sentences) and n_words + len(sentences[end].split()) <= max_words:
            n_words += len(sentences[end].split())
            end += 1
        parts.append(" ".join(sentences[start:end]))
        if end == len(sentences):
            break
        start = _overlapping(sentences, start, end, max_words, overlap)
    return parts


def _overlapping(sentences: list[str], start: int, end: int, max_words: int, overlap: int) -> int:
    """Go back from `end` by the sentences that fit beside the next one."""
    room = max_words - len(sentences[end].split())
    first = end
    while first - 1 > start and end - first < overlap and len(sentences[first - 1].split()) <= room:
        first -= 1
        room -= len(sentences[first].split())
    return first


def _sentences(text: str, max_words: int) -> Iterator[str]:
    for sentence in _SENTENCE_END.split(text):
        words = sentence.split()
        if len(words) <= max_words and words:
            yield sentence.strip()
            continue
        for at in range(0, len(words), max_words):
            yield " ".join(words[at : at + max_words])


def _levels(number: str) -> list[str]:
    return [level.rsplit(".", 1)[-1] for level in section_path(number)]


def _joined(levels: list[str]) -> list[str]:
    return [".".join(levels[: n + 1]) for n in range(len(levels))]


_PARTS: dict[str, type[pl.DataType] | pl.DataType] = {
    "id": pl.String,
    "text": pl.String,
    "document": pl.String,
    "section": pl.String,
    "section_path": pl.List(pl.String),
    "parent": pl.String,
    "part": pl.Int32,
    "terms": pl.List(pl.String),
}


def by_section(
    dataset: Dataset,
    *,
    document: str | None = None,
    section: str | None = None,
    max_words: int = 200,
    overlap: int = 1,
) -> Dataset:
    """Cut documents by their structure, and write down what they are sections of.

    A label says that a document answers a query, not which of its sections does. It goes to the section that shares
    most words with the query, rare ones first; the others stay unlabelled, and those of the same rule should not serve
    as negatives (`shared_value` on `parent`).

    Args:
        dataset: Its documents are whole texts, or sections already.
        document: Metadata column that names the act, contract or rulebook; None takes each document for one.
        section: Metadata column with the section number; None looks for headings in the texts.
        max_words: Longer sections are cut at the ends of sentences, from 20.
        overlap: Sentences that a piece takes over from the one before.

    Returns:
        The dataset with sections for documents and the columns `document`, `section` (its number), `section_path` (what
        encloses it, the widest first), `parent` (document and rule: the number without paragraphs in brackets), `part`
        (from 1, where a section was cut; else 0) and `terms` (`defined_terms`). A document that is one section keeps
        its id; others are called by it and a number.

    Raises:
        RecipeError: The documents have no such column.
        DatasetError: A column cannot be used, documents lack a value, a length is out of range, or ids clash.
    """
    if max_words < 20 or overlap < 0:
        raise DatasetError(
            f"sections of {max_words} words with {overlap} overlapping: give 20 words or more, and 0 or more"
        )
    for name, column in (("document", document), ("section", section)):
        if column is not None:
            required_column(dataset, column, asked_by=f"sections: {name}", plain=True, allow_missing=False)
    texts = dataset.documents.with_columns(
        _document=as_text(dataset.documents[document or "id"]),
        _section=as_text(dataset.documents[section]) if section else pl.lit(None, dtype=pl.String),
    )
    rows = [part | {"_of": at} for at, row in enumerate(texts.to_dicts()) for part in _parts(row, max_words, overlap)]
    table = pl.DataFrame(rows, schema={"_of": pl.UInt32, **_PARTS})
    kept = dataset.documents.drop(*_PARTS, strict=False).with_row_index("_of")
    documents = table.join(kept, on="_of", how="left", maintain_order="left")
    labels = _labels(dataset, documents)
    built = Dataset.from_tables(dataset.queries, documents.drop("_of"), labels, name=dataset.name)
    return replace(built, skipped=dataset.skipped)


def _parts(row: dict[str, Any], max_words: int, overlap: int) -> Iterator[dict[str, Any]]:
    text, document = row["text"] or "", row["_document"]
    if row["_section"] is None:
        sections = [(each.number, each.path, each.text) for each in split_sections(text)] or [
            (PREAMBLE, [PREAMBLE], text)
        ]
    else:
        path = section_path(row["_section"])
        sections = [(path[-1], path, text)]
    cut = [(each, pieces(each[2], max_words=max_words, overlap=overlap)) for each in sections]
    alone = sum(len(parts) for _, parts in cut) == 1
    counter = 0
    for (number, path, _), parts in cut:
        for part, piece in enumerate(parts, start=1):
            counter += 1
            yield {
                "id": row["id"] if alone else f"{row['id']}#{counter}",
                "text": piece,
                "document": document,
                "section": number,
                "section_path": path,
                "parent": f"{document} {rule_of(path)}",
                "part": 0 if len(parts) == 1 else part,
                "terms": defined_terms(piece),
            }


def _labels(dataset: Dataset, documents: pl.DataFrame) -> pl.DataFrame:
    """Give a positive label to the part that shares most with the query, any other to all parts."""
    parts = documents.select(pl.col("_of").cast(pl.Int32).alias("document"), doc_id="id", at=pl.int_range(pl.len()))
    labels = dataset.qrels.with_row_index("label").join(parts, on="document", how="left", maintain_order="left")
    unsure = labels.filter(pl.col("relevance") > 0, pl.len().over("label") > 1).select("query", "at").unique()
    labels = labels.join(
        _shared_words(dataset.query_texts, documents["text"], unsure), on=["query", "at"], how="left"
    ).sort("label", pl.col("shared").fill_null(0.0), "at", descending=[False, True, False])
    first = pl.int_range(pl.len()).over("label") == 0
    query_id = dataset.queries["id"].gather(labels["query"]).alias("query_id")
    kept = labels.with_columns(query_id).filter(first | (pl.col("relevance") <= 0))
    return kept.select("query_id", "doc_id", "relevance", "split")


def _shared_words(queries: pl.Series, texts: pl.Series, pairs: pl.DataFrame) -> pl.DataFrame:
    """Sum, for each pair of a query and a text, the rareness of the words that they share: log 1/share of texts."""
    of_text, of_query = _words(texts, "at"), _words(queries, "query", only=pairs["query"])
    rareness = of_text.group_by("word").agg(rareness=(len(texts) / pl.len()).log())
    both = pairs.join(of_query, on="query").join(of_text, on=["at", "word"]).join(rareness, on="word")
    return both.group_by("query", "at").agg(shared=pl.col("rareness").sum().round(9))  # sums have no fixed order


def _words(texts: pl.Series, row: str, *, only: pl.Series | None = None) -> pl.DataFrame:
    """List the words of each text, each once: columns `row` and `word`."""
    numbers = pl.Series(row, range(len(texts))) if only is None else only.unique().sort()
    words = texts.gather(numbers).alias("word").str.to_lowercase().str.extract_all(r"\w+").list.unique()
    return pl.DataFrame([numbers, words]).explode("word").drop_nulls()
