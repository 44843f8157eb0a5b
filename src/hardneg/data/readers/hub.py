"""Datasets of Hugging Face `datasets`, from the hub or saved to disk. Needs the extra `hub`."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.layout import NOTHING_SAID, Layout
from hardneg.data.readers.mteb import find_parts, is_mteb_folder, parts_dataset, read_mteb_folder
from hardneg.data.readers.records import read_records_table
from hardneg.data.readers.scored_tables import NAMES, scored_dataset
from hardneg.data.readers.table import Table, hub_frame
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError, MissingExtraError


def is_saved(folder: Path) -> bool:
    """Tell whether a folder was written by `save_to_disk`."""
    return any((folder / name).is_file() for name in ("dataset_dict.json", "dataset_info.json"))


def read_hub(address: str, *, rejections: Rejections, layout: Layout = NOTHING_SAID) -> Dataset:
    """Read `hf:NAME[:CONFIG]`.

    A dataset with the configurations `corpus` and `queries` (MTEB's layout) is read as such, with the qrels of the
    configuration `default` or `qrels`; `hf:NAME:de` takes `de-corpus`, `de-queries` and `de-qrels`. Any other is read
    as a table, each split of it a split.
    """
    name, _, config = address.removeprefix("hf:").partition(":")
    folder = Path(name).expanduser()
    if folder.is_dir() and is_mteb_folder(folder) and not (folder / "README.md").is_file():
        return read_mteb_folder(folder, prefix=config, layout=layout, rejections=rejections)
    datasets = _library()
    configs = _loading(address, lambda: datasets.get_dataset_config_names(name))
    parts = find_parts(configs, config, address=address)
    if parts is not None and config not in (parts.corpus, parts.queries):
        tables = {
            part: _frames(_loading(address, lambda part=part: datasets.load_dataset(name, part)))
            for part in (parts.corpus, parts.queries, parts.labels)
        }
        return parts_dataset(
            tables, parts, path=Path(address), name=_short(address), layout=layout, rejections=rejections
        )
    scored = scored_configs(configs, config)
    if scored:
        frames = {part: hub_table(name, each, address=address) for part, each in scored.items()}
        return scored_dataset(frames, path=Path(address), name=_short(address), rejections=rejections)
    splits = _frames(_loading(address, lambda: datasets.load_dataset(name, config or None)))
    return read_splits(splits, address=address, layout=layout, rejections=rejections)


def scored_configs(configs: Collection[str], config: str = "") -> dict[str, str]:
    """Find the configurations of queries, documents and scores; none if one of them is missing."""
    parts = {part: next((each for each in names if each in configs), "") for part, names in NAMES.items()}
    if config and config in configs:
        parts["scores"] = config
    return parts if all(parts.values()) and len(set(parts.values())) == len(parts) else {}


def hub_configs(name: str, *, address: str) -> list[str]:
    """List the configurations of a dataset."""
    names: list[str] = _loading(address, lambda: _library().get_dataset_config_names(name))
    return names


def hub_table(name: str, config: str, *, address: str) -> pl.DataFrame:
    """Load one configuration, its splits together."""
    loaded = _loading(address, lambda: _library().load_dataset(name, config))
    return pl.concat(list(_frames(loaded).values()), how="diagonal_relaxed")


def read_saved(folder: Path, *, rejections: Rejections, layout: Layout = NOTHING_SAID) -> Dataset:
    """Read a table from a folder that `save_to_disk` wrote; each split of it is a split."""
    datasets = _library()
    frames = _loading(str(folder), lambda: _frames(_validated(datasets.load_from_disk(str(folder)))))
    return read_splits(frames, address=str(folder), layout=layout, rejections=rejections)


def read_splits(
    splits: dict[str, pl.DataFrame], *, address: str, layout: Layout, rejections: Rejections, kind: str = "Hugging Face"
) -> Dataset:
    """Read tables of which each is a split, unless a column of theirs names it."""
    if not splits:
        raise DatasetError("it has no split", path=address)
    has_own = layout.split_column is not None or any("split" in frame.columns for frame in splits.values())
    tables = [frame if has_own else frame.with_columns(split=pl.lit(name)) for name, frame in splits.items()]
    table = Table(pl.concat(tables, how="diagonal_relaxed"), Path(address), f"a dataset of {kind}")
    return read_records_table(table, layout=layout, rejections=rejections, name=_short(address))


def _frames(loaded: Any) -> dict[str, pl.DataFrame]:  # noqa: ANN401 - the library has no types
    splits = loaded if isinstance(loaded, dict) else {str(loaded.split or "train"): loaded}
    return {name: hub_frame(split) for name, split in splits.items()}


def _validated(loaded: Any) -> Any:  # noqa: ANN401
    """Have Arrow hold offsets and lengths against the bytes that are there; it believes its own files else."""
    for split in loaded.values() if isinstance(loaded, dict) else [loaded]:
        split.data.table.validate(full=True)
    return loaded


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


def _short(address: str) -> str:
    return address.removeprefix("hf:").rstrip("/").split("/")[-1].replace(":", "-")
