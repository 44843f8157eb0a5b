"""Reading a dataset, whatever it is stored as."""

from pathlib import Path

from hardneg.data.beir import is_beir, read_beir
from hardneg.data.dataset import Dataset
from hardneg.data.hub import is_saved, read_hub, read_saved
from hardneg.data.pairs import SUFFIXES, is_pairs_file, read_pairs
from hardneg.data.parquet import is_parquet_folder, read_parquet_folder
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError


def read_dataset(path: str | Path, *, skip_invalid: bool = False) -> Dataset:
    """Read a labelled retrieval dataset, choosing the reader by what is there.

    Args:
        path: A folder of our own Parquet files, a folder in BEIR's layout, a file of pairs or triples (JSON
            Lines, CSV, TSV, Parquet), a folder that `datasets` saved, or `hf:NAME[:CONFIG]` for the Hugging
            Face hub.
        skip_invalid: Leave out rows that cannot be used where that is safe (a broken line, a bad qrels row,
            an unknown id) and count them in `Dataset.skipped`, instead of stopping at the first.

    Returns:
        The dataset.

    Raises:
        DatasetError: Nothing is there, or something in it is wrong; the message names file and line.
        MissingExtraError: A Hugging Face dataset is asked for and `datasets` is not installed.
    """
    return read_reporting(path, Rejections(skip=skip_invalid))


def read_reporting(path: str | Path, rejections: Rejections) -> Dataset:
    """Read a dataset and leave in `rejections` what was skipped, with examples."""
    if str(path).startswith("hf:"):
        return read_hub(str(path), rejections=rejections)
    place = Path(path)
    if not place.exists():
        raise DatasetError("no such file or folder; give a dataset, or hf:NAME for the Hugging Face hub", path=place)
    if is_pairs_file(place):
        return read_pairs(place, rejections=rejections)
    if place.is_dir() and is_parquet_folder(place):
        return read_parquet_folder(place, rejections=rejections)
    if place.is_dir() and is_beir(place):
        return read_beir(place, rejections=rejections)
    if place.is_dir() and is_saved(place):
        return read_saved(place, rejections=rejections)
    raise DatasetError(
        "not a dataset: expected a folder with documents.parquet or corpus.jsonl[.gz], "
        f"or a file of pairs ({', '.join(SUFFIXES)})",
        path=place,
    )
