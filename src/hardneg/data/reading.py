"""Reading a dataset, whatever it is stored as."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.addresses import address_of
from hardneg.data.dataset import Dataset
from hardneg.data.layout import NOTHING_SAID, Layout
from hardneg.data.readers.autorag import is_autorag, read_autorag
from hardneg.data.readers.beir import is_beir, read_beir
from hardneg.data.readers.hub import is_saved, read_hub, read_saved, read_splits
from hardneg.data.readers.llama_index import is_llama_index, read_llama_index
from hardneg.data.readers.mteb import is_mteb_folder, read_mteb_folder
from hardneg.data.readers.own import is_parquet_folder, read_parquet_folder
from hardneg.data.readers.pair_columns import NAMES
from hardneg.data.readers.pairs import default_names
from hardneg.data.readers.parts import is_parts, read_parts
from hardneg.data.readers.records import read_records_table
from hardneg.data.readers.scored_tables import is_scored_tables, read_scored_tables
from hardneg.data.readers.table import SUFFIXES, is_table_file, read_table, table_of
from hardneg.data.readers.trec import is_trec, read_trec
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError
from hardneg.files import named_path
from hardneg.storage import bring

_FOLDERS = (
    "documents.parquet, queries.parquet and qrels.parquet (hardneg)",
    "corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv (BEIR)",
    "collection.tsv, queries.SPLIT.tsv and qrels.SPLIT.tsv (MS MARCO, TREC)",
    "corpus/, queries/ and qrels/ with Parquet files (MTEB)",
    "qa.parquet and corpus.parquet (AutoRAG)",
    "what `save_to_disk` writes (Hugging Face)",
    "queries, documents and train or scores with `document_ids` and `scores` (PyLate, teraflop)",
    "Parquet files of one table (Spark)",
)
_READERS: tuple[tuple[Callable[[Path], bool], Callable[..., Dataset]], ...] = (
    (is_scored_tables, read_scored_tables),
    (is_parquet_folder, read_parquet_folder),
    (is_beir, read_beir),
    (is_saved, read_saved),
    (is_autorag, read_autorag),
    (is_mteb_folder, read_mteb_folder),
    (is_trec, read_trec),
    (is_parts, read_parts),
)


def read_dataset(
    path: str | Path | object, *, mapping: Layout | Mapping[str, Any] | None = None, skip_invalid: bool = False
) -> Dataset:
    """Read a labelled retrieval dataset, choosing the reader by what is there.

    Args:
        path: A folder or file in one of the layouts of `docs/data.md`, an address of one (`s3://BUCKET/NAME`, `gs://…`,
            `az://…`), `hf:NAME[:CONFIG]` for the Hugging Face hub, or a table in memory: pandas, polars, PyArrow, or a
            `Dataset` or `DatasetDict` of Hugging Face.
        mapping: What the user says of the layout: a `Layout`, or its fields by name, as in `{"query": "Frage"}`.
        skip_invalid: Leave out rows that cannot be used where that is safe (a broken line, a bad qrels row,
            an unknown id) and count them in `Dataset.skipped`, instead of stopping at the first.

    Returns:
        The dataset; its `mapping` says which column, field or file became what.

    Raises:
        DatasetError: Nothing is there, or something in it is wrong; the message names file and line.
        StorageError: Nothing is at the address, or the store cannot be reached.
        MissingExtraError: A Hugging Face dataset is asked for and `datasets` is not installed, or an address and its
            package is not.
    """
    return read_reporting(path, Rejections(skip=skip_invalid), layout=Layout.of(mapping))


def read_reporting(path: str | Path | object, rejections: Rejections, *, layout: Layout = NOTHING_SAID) -> Dataset:
    """Read a dataset and leave in `rejections` what was skipped, with examples."""
    dataset = _read(path, rejections, layout=layout)
    return without_negatives(dataset) if layout.candidates else dataset


def without_negatives(dataset: Dataset) -> Dataset:
    """Keep the labels that call a document relevant: what else the data list are candidates (`sources.Given`)."""
    return dataset.with_labels(dataset.qrels.filter(pl.col("relevance") > 0))


def _read(path: str | Path | object, rejections: Rejections, *, layout: Layout) -> Dataset:
    if isinstance(path, Dataset):
        return path
    if not isinstance(path, str | Path):
        return _read_object(path, layout=layout, rejections=rejections)
    if str(path).startswith("hf:"):
        return read_hub(str(path), rejections=rejections, layout=layout)
    place = bring(path) if address_of(path) else named_path(path)
    if place is None or not place.exists():
        raise DatasetError("no such file or folder; give a dataset, or hf:NAME for the Hugging Face hub", path=path)
    if place.is_dir():
        return _read_folder(place, layout=layout, rejections=rejections)
    return _read_file(place, layout=layout, rejections=rejections)


def _read_file(path: Path, *, layout: Layout, rejections: Rejections) -> Dataset:
    if not is_table_file(path, layout):
        raise DatasetError(
            f"not a dataset by its name; a file of records ends in {', '.join(SUFFIXES)}; for text with another ending "
            "say --columns query,positive (and --no-header), or --separator",
            path=path,
        )
    if is_llama_index(path):
        return read_llama_index(path, rejections=rejections)
    table = read_table(path, layout=layout, rejections=rejections, known=NAMES, default_names=default_names)
    return read_records_table(table, layout=layout, rejections=rejections)


def _read_folder(folder: Path, *, layout: Layout, rejections: Rejections) -> Dataset:
    options = [name for name in ("query", "positive", "negative", "label", "documents") if getattr(layout, name)]
    if options and not is_saved(folder) and not is_parts(folder):
        raise DatasetError(
            f"this is a folder with files of its own for queries, documents and labels, where --{options[0]} says "
            "nothing; leave it out, or name a file of pairs",
            path=folder,
        )
    for is_such, read in _READERS:
        if is_such(folder):
            return read(folder, layout=layout, rejections=rejections)
    contents = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
    raise DatasetError(f"not a dataset; it has {contents}. A folder holds {'; or '.join(_FOLDERS)}", path=folder)


def _read_object(data: object, *, layout: Layout, rejections: Rejections) -> Dataset:
    if isinstance(data, dict) and data:
        tables = {str(name): table_of(split) for name, split in data.items()}
        if all(table is not None for table in tables.values()):
            frames = {name: table.frame for name, table in tables.items() if table is not None}
            return read_splits(frames, address="dataset", layout=layout, rejections=rejections, kind="tables in memory")
    table = table_of(data)
    if table is None:
        raise DatasetError(
            f"a {type(data).__module__}.{type(data).__name__} is no dataset; give a path, hf:NAME, or a table of "
            "pandas, polars, PyArrow or Hugging Face"
        )
    split = str(getattr(data, "split", "")) if type(data).__module__.startswith("datasets") else ""
    if split.isidentifier() and split != "None":  # what `load_dataset(…, split="test")` gives
        return read_splits({split: table.frame}, address="dataset", layout=layout, rejections=rejections)
    return read_records_table(table, layout=layout, rejections=rejections)
