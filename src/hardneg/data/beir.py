"""Folders in BEIR's layout: corpus.jsonl[.gz], queries.jsonl[.gz], qrels/SPLIT.tsv."""

from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.jsonl import read_jsonl
from hardneg.data.metadata import expand_metadata, settled
from hardneg.data.qrels import read_qrels
from hardneg.data.rejections import Rejections
from hardneg.data.tables import assemble
from hardneg.errors import DatasetError

_TEXTS = ("_id", "text", "title")


def is_beir(folder: Path) -> bool:
    """Tell whether a folder has a corpus in BEIR's layout."""
    return any((folder / name).is_file() for name in ("corpus.jsonl", "corpus.jsonl.gz"))


def read_beir(folder: Path, *, rejections: Rejections) -> Dataset:
    """Read a folder in BEIR's layout; each qrels file is a split.

    Args:
        folder: The folder.
        rejections: What to do with a row that cannot be used.

    Returns:
        The dataset, named like the folder.

    Raises:
        DatasetError: A file is missing or something in it is wrong.
    """
    corpus, queries = _file(folder, "corpus.jsonl"), _file(folder, "queries.jsonl")
    files = sorted([*folder.glob("qrels/*.tsv"), *folder.glob("qrels/*.tsv.gz")])
    if not files:
        raise DatasetError("no qrels/*.tsv in this folder; each split needs one", path=folder)
    qrels = [(file, read_qrels(file, split=file.name.split(".tsv")[0], rejections=rejections)) for file in files]
    return assemble(
        read_records(queries, rejections=rejections).drop("title", strict=False),
        read_records(corpus, rejections=rejections),
        qrels,
        paths=(queries, corpus),
        name=folder.resolve().name,
        rejections=rejections,
    )


def read_records(path: Path, *, rejections: Rejections) -> pl.DataFrame:
    """Read records with `_id`, `text`, optional `title` and any metadata.

    Args:
        path: A JSON Lines file, plain or gzipped.
        rejections: What to do with a bad line.

    Returns:
        Columns `id`, `text`, `title` where some record has one that is not empty, then metadata.
    """
    table = read_jsonl(path, texts=_TEXTS, required=("_id", "text"), rejections=rejections)
    if bool((table["title"].fill_null("") == "").all()):
        table = table.drop("title")
    table = table.rename({"id": "metadata.id"}, strict=False).rename({"_id": "id"})
    return settled(expand_metadata(table))


def _file(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise DatasetError(f"no {name} or {name}.gz in this folder", path=folder)
