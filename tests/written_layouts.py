"""Datasets as people write them: one meaning, many layouts, with everything in them that should make no difference."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import strategies as st

_WORDS = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\ufeff\t\r\n\x00"), min_size=1, max_size=12
)
_SPECIAL = st.sampled_from(
    [
        '"',
        "'",
        ",",
        ";",
        "|",
        '""',
        "“",
        "a, b",
        'say "x"',
        "x;y",
        "0",
        "1",
        "true",
        "1.0",
        "NA",
        "null",
        "#q",
        "=1",
        "\\",
    ]
)
_PLAIN = st.builds(
    lambda head, body, tail: f"{head}{body}{tail}",
    st.sampled_from("abcdeé中"),
    _WORDS | _SPECIAL,
    st.sampled_from("xyz"),
)
PLAIN_TEXT = _PLAIN  # one line, no tab
ANY_TEXT = st.one_of(
    _PLAIN, st.builds(lambda one, other, by: one + by + other, _PLAIN, _PLAIN, st.sampled_from(["\n", "\t", "\n\n"]))
)
_ID = st.text(st.sampled_from("abcXYZ0123456789-_."), min_size=1, max_size=6)


@dataclass(frozen=True)
class Meant:
    """What a dataset means: texts by id, and labels by position."""

    queries: list[str]
    documents: list[str]
    query_ids: list[str]
    doc_ids: list[str]
    labels: list[tuple[int, int, int, str]]

    def triples(self) -> set[tuple[str, str, int, str]]:
        return {(self.queries[q], self.documents[d], grade, split) for q, d, grade, split in self.labels}


@st.composite
def datasets(draw: Any, texts: Any = ANY_TEXT, *, grades: tuple[int, ...] = (0, 1, 2), several: bool = True) -> Meant:
    """Draw a dataset in which every query has a positive, and no pair two labels."""
    queries = draw(st.lists(texts, min_size=1, max_size=4, unique=True))
    documents = draw(st.lists(texts, min_size=2, max_size=5, unique=True))
    query_ids = draw(st.lists(_ID, min_size=len(queries), max_size=len(queries), unique=True))
    doc_ids = draw(st.lists(_ID, min_size=len(documents), max_size=len(documents), unique=True))
    labels = []
    for query in range(len(queries)):
        split = draw(st.sampled_from(["train", "test"] if several else ["train"]))
        order = draw(st.permutations(range(len(documents))))
        labels.append((query, order[0], draw(st.sampled_from([each for each in grades if each > 0])), split))
        for document in order[1 : draw(st.integers(1, len(documents)))]:
            labels.append((query, document, draw(st.sampled_from(grades)), split))
    return Meant(queries, documents, query_ids, doc_ids, labels)


@dataclass(frozen=True)
class Noise:
    """What should make no difference in a text file."""

    mark: bool
    ending: str
    blank_lines: bool
    order: int
    case: int
    extra: bool

    def write(self, path: Path, lines: list[str]) -> None:
        if self.blank_lines:
            lines = [each for line in lines for each in (line, "")]
        text = self.ending.join([*lines, ""])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((b"\xef\xbb\xbf" if self.mark else b"") + text.encode())

    def named(self, name: str) -> str:
        return [name, name.upper(), name.title(), f"{name} ", name.replace("_", "-")][self.case]

    def permuted(self, names: list[str]) -> list[str]:
        start = self.order % len(names)
        turned = names[start:] + names[:start]
        return turned[::-1] if self.order % 2 else turned


NOISE = st.builds(
    Noise,
    mark=st.booleans(),
    ending=st.sampled_from(["\n", "\r\n"]),
    blank_lines=st.booleans(),
    order=st.integers(0, 11),
    case=st.integers(0, 4),
    extra=st.booleans(),
)


def write_rows(path: Path, rows: list[dict[str, Any]], noise: Noise, *, separator: str = ",") -> None:
    """Write a table as `path` ends: text with a separator, JSON Lines, a JSON list or Parquet."""
    names = noise.permuted(list(rows[0]))
    renamed = {name: noise.named(name) for name in names}
    rows = [{renamed[name]: row[name] for name in names} for row in rows]
    if noise.extra:
        rows = [{"topic": f"t{number}", **row} for number, row in enumerate(rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(path)
    elif path.suffix == ".jsonl":
        noise.write(path, [json.dumps(row, ensure_ascii=noise.case == 0) for row in rows])
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    else:
        noise.write(path, [_line(row, separator) for row in [dict(zip(rows[0], rows[0], strict=True)), *rows]])


def _line(row: dict[str, Any], separator: str) -> str:
    if separator == "\t":
        return separator.join(map(str, row.values()))
    written = io.StringIO()
    csv.writer(written, delimiter=separator, lineterminator="\n").writerow(row.values())
    return written.getvalue().removesuffix("\n")


def write_beir(folder: Path, meant: Meant, noise: Noise, *, form: str) -> None:
    """Write BEIR's folder; `form` says how the qrels are written."""
    records = [
        {"_id": key, "text": text, **({"extra": 3} if noise.extra else {})}
        for key, text in zip(meant.query_ids, meant.queries, strict=True)
    ]
    noise.write(folder / "queries.jsonl", [json.dumps(each) for each in records])
    documents = zip(meant.doc_ids, meant.documents, strict=True)
    noise.write(folder / "corpus.jsonl", [json.dumps({"_id": key, "text": text}) for key, text in documents])
    write_qrels(folder / "qrels", meant, noise, form=form, ending=".tsv")


def write_qrels(folder: Path, meant: Meant, noise: Noise, *, form: str, ending: str, head: str = "") -> None:
    """Write a file of qrels for each split: with a header, with three columns, or as TREC does."""
    for split in dict.fromkeys(label[3] for label in meant.labels):
        rows = [
            {"query_id": meant.query_ids[q], "corpus_id": meant.doc_ids[d], "score": str(grade)}
            for q, d, grade, own in meant.labels
            if own == split
        ]
        path = folder / f"{head}{split}{ending}"
        if form == "header":
            names = noise.permuted(["query_id", "corpus_id", "score"])
            lines = ["\t".join(noise.named(name) for name in names)]
            lines += ["\t".join(row[name] for name in names) for row in rows]
        elif form == "float":
            lines = [f"{row['query_id']}\t{row['corpus_id']}\t{row['score']}.0" for row in rows]
        elif form == "trec":
            lines = [f"{row['query_id']} 0 {row['corpus_id']} {row['score']}" for row in rows]
        else:
            lines = ["\t".join(row.values()) for row in rows]
        noise.write(path, lines)
