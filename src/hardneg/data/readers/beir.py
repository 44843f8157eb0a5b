"""Folders in BEIR's layout: corpus.jsonl[.gz], queries.jsonl[.gz], qrels/SPLIT.tsv."""

from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.headers import plain_name
from hardneg.data.jsonl import read_jsonl
from hardneg.data.layout import NOTHING_SAID, Layout
from hardneg.data.lines import head_records
from hardneg.data.metadata import expand_metadata, settled
from hardneg.data.qrels import Qrels, qrels_of_table, read_qrels
from hardneg.data.readers.table import read_table
from hardneg.data.readers.texts import KNOWN, TextTable, read_texts
from hardneg.data.readers.trec import is_whole_trec
from hardneg.data.rejections import Rejections
from hardneg.data.tables import assemble
from hardneg.errors import DatasetError

_TEXTS = ("_id", "text", "title")
_QRELS = (
    *(f".{each}{gz}" for each in ("tsv", "txt", "csv", "trec", "qrels", "jsonl") for gz in ("", ".gz")),
    ".parquet",
)


def is_beir(folder: Path) -> bool:
    """Tell whether a folder has queries and a corpus in BEIR's layout, or one of both and no other in its place."""
    has_corpus, has_queries = (
        any((folder / f"{name}.jsonl{ending}").is_file() for ending in ("", ".gz")) for name in ("corpus", "queries")
    )
    return (has_corpus and has_queries) or ((has_corpus or has_queries) and not is_whole_trec(folder))


def read_beir(folder: Path, *, rejections: Rejections, layout: Layout = NOTHING_SAID) -> Dataset:
    """Read a folder in BEIR's layout; each qrels file is a split."""
    corpus, queries = _file(folder, "corpus.jsonl"), _file(folder, "queries.jsonl")
    there = sorted(path for path in folder.glob("qrels/*") if path.is_file())
    files = [path for path in there if path.name.endswith(_QRELS)]
    if not files:
        contents = f" (qrels/ has {', '.join(path.name for path in there[:5])})" if there else ""
        raise DatasetError(f"no qrels/*.tsv in this folder{contents}; each split needs one", path=folder)
    qrels = [(path, _qrels(path, rejections=rejections, layout=layout)) for path in files]
    texts = {path: _texts(path, rejections=rejections) for path in (queries, corpus)}
    fields = [(kind, texts[path].about) for kind, path in (("queries", queries), ("documents", corpus))]
    fields += [(f"relevance, split {_split(path)}", f"qrels/{path.name}: {each.about}") for path, each in qrels]
    return assemble(
        texts[queries].table.drop("title", strict=False),
        texts[corpus].table,
        [(path, each.rows) for path, each in qrels],
        paths=(queries, corpus),
        name=folder.resolve().name,
        rejections=rejections,
        mapping=FieldMapping(
            "BEIR's folder",
            tuple(fields),
            (
                *(f"qrels/{path.name}: {name}" for path, each in qrels for name in each.ignored),
                *(f"qrels/{path.name} (no qrels by its name)" for path in there if path not in files),
            ),
        ),
    )


def _split(path: Path) -> str:
    return next(path.name.removesuffix(ending) for ending in _QRELS if path.name.endswith(ending))


def _qrels(path: Path, *, rejections: Rejections, layout: Layout) -> Qrels:
    if path.name.endswith((".parquet", ".jsonl", ".jsonl.gz")):
        table = read_table(path, layout=NOTHING_SAID, rejections=rejections)
        return qrels_of_table(
            table.frame, layout=layout, path=path, rejections=rejections, split=_split(path), line_of=table.line_of
        )
    return read_qrels(path, split=_split(path), rejections=rejections, layout=layout)


def _texts(path: Path, *, rejections: Rejections) -> TextTable:
    """Read records with `_id`; where the first has none but an id by another name, that."""
    head = next((record for record in head_records(path, limit=1) if isinstance(record, dict)), {})
    if "_id" not in head and any(plain_name(name) in KNOWN for name in head if name != "text"):
        return read_texts([path], rejections=rejections)
    table = read_records(path, rejections=rejections)
    metadata = [name for name in table.columns if name not in ("id", "title", "text")]
    parts = ["'_id'", *(["'title'"] if "title" in table.columns else []), "'text'"]
    about = f"{path.name}: {', '.join(parts)}"
    return TextTable(table, about + (f"; metadata {', '.join(map(repr, metadata))}" if metadata else ""))


def read_records(path: Path, *, rejections: Rejections) -> pl.DataFrame:
    """Read records with `_id`, `text`, optional `title` and any metadata."""
    table = read_jsonl(path, texts=_TEXTS, required=("_id", "text"), rejections=rejections).table
    if bool((table["title"].fill_null("") == "").all()):
        table = table.drop("title")
    table = table.rename({"id": "metadata.id"}, strict=False).rename({"_id": "id"})
    return settled(expand_metadata(table))


def _file(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise DatasetError(f"no {name} or {name}.gz in this folder", path=folder)
