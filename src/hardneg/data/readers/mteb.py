"""MTEB's retrieval layout: corpus, queries and qrels as configurations, on the hub or in folders beside each other."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.layout import NOTHING_SAID, Layout
from hardneg.data.qrels import qrels_of_table
from hardneg.data.readers.table import SUFFIXES, Table, read_table
from hardneg.data.readers.texts import texts_of_table
from hardneg.data.rejections import Rejections
from hardneg.data.tables import assemble
from hardneg.errors import DatasetError

_CORPUS, _QUERIES, _LABELS = "corpus", "queries", ("default", "qrels")
_PASSED = {
    "top_ranked": "candidates to rerank, which are no labels",
    "instruction": "instructions of queries",
    "instructions": "instructions of queries",
}


_SHARD = re.compile(r"-\d+(-of-\d+)?$")


@dataclass(frozen=True)
class Parts:
    """The configurations that make a dataset, by what they hold."""

    corpus: str
    queries: str
    labels: str
    ignored: tuple[str, ...] = ()


def find_parts(configs: Collection[str], prefix: str, *, address: str) -> Parts | None:
    """Find the parts among configurations."""
    suffix = f"-{_CORPUS}"
    prefixes = sorted(each.removesuffix(suffix) for each in configs if each.endswith(suffix))
    if prefix and prefix not in prefixes:
        return None
    if not prefix and _CORPUS not in configs:
        if not prefixes:
            return None
        if len(prefixes) > 1:
            shown = ", ".join(f"{address}:{each}" for each in prefixes[:5])
            raise DatasetError(f"several datasets in one ({len(prefixes)}); name one of them: {shown}", path=address)
        prefix = prefixes[0]
    head = f"{prefix}-" if prefix else ""
    if f"{head}{_QUERIES}" not in configs:
        raise DatasetError(f"{head}{_CORPUS} without {head}{_QUERIES}; it has: {', '.join(configs)}", path=address)
    labels = [f"{head}{each}" for each in reversed(_LABELS) if f"{head}{each}" in configs]
    labels += [prefix] if prefix in configs else []
    if not labels:
        raise DatasetError(f"no {head}qrels or {head}default; it has: {', '.join(configs)}", path=address)
    passed = [f"{head}{name} ({why})" for name, why in _PASSED.items() if f"{head}{name}" in configs]
    return Parts(f"{head}{_CORPUS}", f"{head}{_QUERIES}", labels[0], tuple(passed))


def parts_dataset(
    tables: Mapping[str, Mapping[str, pl.DataFrame]],
    parts: Parts,
    *,
    path: Path,
    name: str,
    layout: Layout,
    rejections: Rejections,
) -> Dataset:
    """Build a dataset of the tables of each part."""

    def whole(part: str) -> Table:
        return Table(pl.concat(list(tables[part].values()), how="diagonal_relaxed"), path / part, "table")

    texts = texts_of_table(whole(parts.corpus), rejections=rejections)
    asked = texts_of_table(whole(parts.queries), rejections=rejections, has_title=False)
    qrels = [
        (split, qrels_of_table(frame, layout=layout, path=path / parts.labels, rejections=rejections, split=split))
        for split, frame in tables[parts.labels].items()
    ]
    fields = [("queries", asked.about), ("documents", texts.about)]
    fields += [(f"relevance, split {split}", f"{parts.labels}: {each.about}") for split, each in qrels]
    ignored = [f"{parts.labels}: {each}" for _, read in qrels for each in read.ignored]
    return assemble(
        asked.table.drop("title", strict=False),
        texts.table,
        [(path / parts.labels, each.rows) for _, each in qrels],
        paths=(path / parts.queries, path / parts.corpus),
        name=name,
        rejections=rejections,
        mapping=FieldMapping("MTEB's configurations", tuple(fields), tuple(dict.fromkeys((*ignored, *parts.ignored)))),
    )


def is_mteb_folder(folder: Path) -> bool:
    """Tell whether a folder holds the parts of MTEB's layout as folders."""
    names = [path.name for path in folder.iterdir() if path.is_dir()]
    return any(name == _CORPUS or name.endswith(f"-{_CORPUS}") for name in names) and any(
        name == _QUERIES or name.endswith(f"-{_QUERIES}") for name in names
    )


def read_mteb_folder(folder: Path, *, prefix: str = "", layout: Layout, rejections: Rejections) -> Dataset:
    """Read `corpus/`, `queries/` and `qrels/` (or `default/`) with Parquet or JSON Lines files named by split."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    parts = find_parts(names, prefix, address=str(folder))
    if parts is None:
        raise DatasetError(f"no folder {prefix}-corpus in it; it has: {', '.join(names)}", path=folder)
    tables = {
        part: _tables(folder / part, rejections=rejections) for part in (parts.corpus, parts.queries, parts.labels)
    }
    return parts_dataset(
        tables,
        parts,
        path=folder,
        name=folder.resolve().name + (f"-{prefix}" if prefix else ""),
        layout=layout,
        rejections=rejections,
    )


def _tables(folder: Path, *, rejections: Rejections) -> dict[str, pl.DataFrame]:
    """Read the files of one part, those of a split together: test-00000-of-00002.parquet is of `test`."""
    tables: dict[str, list[pl.DataFrame]] = {}
    for path in sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIXES)):
        split = _SHARD.sub("", path.name.split(".")[0])
        tables.setdefault(split, []).append(read_table(path, layout=NOTHING_SAID, rejections=rejections).frame)
    if not tables:
        raise DatasetError("no Parquet or JSON Lines file in it", path=folder)
    return {split: pl.concat(frames, how="diagonal_relaxed") for split, frames in tables.items()}
