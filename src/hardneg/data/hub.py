"""Datasets of Hugging Face `datasets`, from the hub or saved to disk. Needs the extra `hub`."""

from pathlib import Path
from typing import Any

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.pairs import PairColumns, pairs_dataset
from hardneg.data.rejections import Rejections
from hardneg.data.tables import assemble
from hardneg.errors import DatasetError, MissingExtraError

_ID = ("_id", "id")
_QRELS = (("query-id", "query_id"), ("corpus-id", "corpus_id", "doc_id"), ("score", "relevance"))


def is_saved(folder: Path) -> bool:
    """Tell whether a folder was written by `save_to_disk`."""
    return any((folder / name).is_file() for name in ("dataset_dict.json", "dataset_info.json"))


def read_hub(address: str, *, rejections: Rejections) -> Dataset:
    """Read `hf:NAME[:CONFIG]`.

    A dataset with the configurations `corpus` and `queries` (MTEB's layout) is read as such, with the qrels
    of the configuration `default` or `qrels`; any other is read as pairs, each split of it a split.

    Args:
        address: `hf:` and the name on the hub or a local folder that `load_dataset` reads, then perhaps the
            configuration.
        rejections: What to do with rows that cannot be used.

    Returns:
        The dataset, named by the last part of the name.

    Raises:
        DatasetError: It cannot be loaded, or has no columns that fit.
        MissingExtraError: `datasets` is not installed.
    """
    name, _, config = address.removeprefix("hf:").partition(":")
    datasets = _library()
    configs = _loading(address, lambda: datasets.get_dataset_config_names(name))
    if not config and {"corpus", "queries"} <= set(configs):
        parts = {
            part: _loading(address, lambda part=part: datasets.load_dataset(name, part))
            for part in ("corpus", "queries", "default" if "default" in configs else "qrels")
        }
        return _from_parts(parts, address=address, rejections=rejections)
    return _from_splits(
        _loading(address, lambda: datasets.load_dataset(name, config or None)),
        address=address,
        rejections=rejections,
    )


def read_saved(folder: Path, *, rejections: Rejections) -> Dataset:
    """Read pairs from a folder that `save_to_disk` wrote; each split of it is a split.

    Args:
        folder: The folder.
        rejections: What to do with rows that cannot be used.

    Returns:
        The dataset, named like the folder.

    Raises:
        DatasetError: It cannot be loaded, or has no columns that fit.
        MissingExtraError: `datasets` is not installed.
    """
    datasets = _library()
    loaded = _loading(str(folder), lambda: datasets.load_from_disk(str(folder)))
    splits = loaded if isinstance(loaded, dict) else {str(loaded.split or "train"): loaded}
    return _from_splits(splits, address=str(folder), rejections=rejections)


def _library() -> Any:  # noqa: ANN401 - the library has no types
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", extra="hub", purpose="reading a Hugging Face dataset") from error
    return datasets


def _loading(address: str, load: Any) -> Any:  # noqa: ANN401
    try:
        return load()
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(f"cannot be loaded: {reason}; check the name and the network", path=address) from error


def _from_splits(splits: dict[str, Any], *, address: str, rejections: Rejections) -> Dataset:
    tables = [
        split.to_polars() if "split" in split.column_names else split.to_polars().with_columns(split=pl.lit(name))
        for name, split in splits.items()
    ]
    return pairs_dataset(
        pl.concat(tables, how="diagonal_relaxed"),
        columns=PairColumns(),
        path=Path(address),
        name=_short(address),
        rejections=rejections,
    )


def _from_parts(parts: dict[str, Any], *, address: str, rejections: Rejections) -> Dataset:
    path = Path(address)
    tables = {part: _texts(splits, path=path) for part, splits in parts.items() if part in {"corpus", "queries"}}
    labels = next(splits for part, splits in parts.items() if part not in tables)
    qrels = [
        split.to_polars().select(
            query_id=pl.col(_column(split, _QRELS[0], path=path)).cast(pl.String),
            doc_id=pl.col(_column(split, _QRELS[1], path=path)).cast(pl.String),
            relevance=pl.col(_column(split, _QRELS[2], path=path)).cast(pl.Int32),
            split=pl.lit(name),
        )
        for name, split in labels.items()
    ]
    return assemble(
        tables["queries"].drop("title", strict=False),
        tables["corpus"],
        [(path, rows) for rows in qrels],
        paths=(path / "queries", path / "corpus"),
        name=_short(address),
        rejections=rejections,
    )


def _texts(splits: dict[str, Any], *, path: Path) -> pl.DataFrame:
    split = next(iter(splits.values()))
    table: pl.DataFrame = split.to_polars().rename({_column(split, _ID, path=path): "id"})
    for column in ("id", _column(split, ("text",), path=path)):
        if table[column].null_count():
            raise DatasetError(f"column {column!r} has nulls", path=path)
    return table.with_columns(pl.col("id").cast(pl.String))


def _column(split: Any, names: tuple[str, ...], *, path: Path) -> str:  # noqa: ANN401
    found = [name for name in names if name in split.column_names]
    if not found:
        raise DatasetError(f"no column {' or '.join(names)}; it has: {', '.join(split.column_names)}", path=path)
    return found[0]


def _short(address: str) -> str:
    return address.removeprefix("hf:").rstrip("/").split("/")[-1].replace(":", "-")
