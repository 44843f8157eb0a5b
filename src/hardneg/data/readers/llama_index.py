"""LlamaIndex's `EmbeddingQAFinetuneDataset`: one JSON object with queries, corpus and relevant documents."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.lines import numbered_lines
from hardneg.data.readers.table import read_json_value
from hardneg.data.rejections import Rejections
from hardneg.data.tables import assemble
from hardneg.errors import DatasetError

_PARTS = ("queries", "corpus", "relevant_docs")


def is_llama_index(path: Path) -> bool:
    """Tell whether a file is one JSON object with queries, a corpus and relevant documents."""
    if not path.name.lower().endswith((".json", ".json.gz")):
        return False
    head = next(numbered_lines(path), None)
    if head is None or not head[2].lstrip().startswith(b"{"):
        return False
    try:
        value = read_json_value(path)
    except DatasetError:
        return False
    return isinstance(value, Mapping) and len(set(_PARTS) & set(value)) > 1


def read_llama_index(path: Path, *, rejections: Rejections) -> Dataset:
    """Read such a file; the keys are the ids."""
    value = read_json_value(path)
    for part in _PARTS:
        if not isinstance(value.get(part), Mapping):
            kind = type(value[part]).__name__ if part in value else "missing"
            raise DatasetError(f"{part!r} is {kind}; LlamaIndex's file has an object there, by id", path=path)
    labels = [
        {"query_id": query_id, "doc_id": str(doc_id), "relevance": 1, "split": "train"}
        for query_id, documents in value["relevant_docs"].items()
        for doc_id in _listed(documents, query_id, path)
    ]
    schema = {"query_id": pl.String, "doc_id": pl.String, "relevance": pl.Int32, "split": pl.String}
    ignored = [each for each in value if each not in _PARTS]
    return assemble(
        _texts(value["queries"], "queries", path),
        _texts(value["corpus"], "corpus", path),
        [(path, pl.DataFrame(labels, schema=schema))],
        paths=(path, path),
        name=path.name.split(".")[0],
        rejections=rejections,
        mapping=FieldMapping(
            "LlamaIndex's EmbeddingQAFinetuneDataset",
            (
                ("id and text of queries", "'queries'"),
                ("id and text of documents", "'corpus'"),
                ("positive", "'relevant_docs'"),
                ("split", "'train' for all, the layout has none"),
            ),
            tuple(ignored),
        ),
    )


def _texts(values: Mapping[str, Any], part: str, path: Path) -> pl.DataFrame:
    for key, text in values.items():
        if not isinstance(text, str):
            raise DatasetError(f"{part}[{key!r}] is {type(text).__name__}, not a text", path=path)
    return pl.DataFrame(
        {"id": list(values), "text": list(values.values())}, schema={"id": pl.String, "text": pl.String}
    )


def _listed(documents: object, query_id: str, path: Path) -> list[Any]:
    if not isinstance(documents, list):
        raise DatasetError(f"relevant_docs[{query_id!r}] is {type(documents).__name__}, not a list of ids", path=path)
    return documents
