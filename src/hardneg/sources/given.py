"""Candidates that the data bring, with their scores: mined by others, or scored by a teacher."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.addresses import address_of
from hardneg.checksums import digest
from hardneg.data.dataset import Dataset
from hardneg.data.scored_pairs import read_scored_pairs
from hardneg.errors import DatasetError
from hardneg.sources.retrieval import RETRIEVAL_SCHEMA, checked_name
from hardneg.storage import here


@dataclass(frozen=True)
class Given:
    """The documents that a file or folder lists for each query, by their scores; unscored ones in their order behind.

    It reads what sets for distillation and other miners hold: three tables of queries, documents and scores;
    `neg_1` … beside a positive; FlagEmbedding's lists; NeMo's documents; negatives by source; arrays with `meta.json`;
    a row a pair. Answers are candidates too, with their scores, so that filters can compare, and an audit hide them.

    Args:
        path: The file or folder, its address (`s3://BUCKET/NAME`), or `hf:NAME`.
        name: Suffix of its columns.
    """

    path: str | Path
    name: str = "given"

    def __post_init__(self) -> None:
        checked_name(self.name, kind="given")

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Take the best documents of some queries."""
        rows = _ranked(_place(self.path), self.fingerprint(), dataset)
        return rows.filter(pl.col("query").is_in(block.tolist()) & (pl.col("rank") <= depth))

    def check(self, dataset: Dataset, queries: Int32[np.ndarray, " queries"], *, split: str) -> None:
        """Make sure that the list is about the queries that it is used for: a DatasetError if it has none of them."""
        if not _ranked(_place(self.path), self.fingerprint(), dataset)["query"].is_in(queries.tolist()).any():
            raise DatasetError(
                f"it lists candidates for none of the {len(queries):,} queries of split {split!r}; was it made for "
                f"{dataset.name}?",
                path=self.path,
            )

    def fingerprint(self) -> str:
        """Name the present state of the files; that of an address is the same on any machine."""
        path = here(self.path)
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        if address_of(self.path) is not None:
            return " ".join(map(digest, files))
        states = [each.stat() for each in files if each.exists()]
        return " ".join(f"{each.st_size}:{each.st_mtime_ns}" for each in states)


def _place(path: str | Path) -> str:
    return str(path if address_of(path) is None else here(path))


@lru_cache(maxsize=2)
def _ranked(path: str, state: str, dataset: Dataset) -> pl.DataFrame:  # noqa: ARG001 - changed files are read anew
    """Find the positions of what is listed, and rank it within each query."""
    pairs = read_scored_pairs(path)
    queries, documents = (
        (dataset.queries["id"], dataset.documents["id"])
        if pairs.by_id
        else (dataset.query_texts, dataset.document_texts)
    )
    rows = pairs.rows
    for name, values in (("query", queries), ("document", documents)):
        at = pl.DataFrame({name: values}).with_row_index("at").unique(name, keep="first", maintain_order=True)
        rows = rows.join(at, on=name, how="left", maintain_order="left").drop(name).rename({"at": name})
    there = rows.drop_nulls(["query", "document"])
    if there.is_empty():
        raise DatasetError(
            f"none of its {rows.height:,} pairs is about queries and documents of {dataset.name}, compared by "
            f"{'ids' if pairs.by_id else 'texts'}",
            path=path,
        )
    scored = there.with_columns(pl.when(pl.col("score").is_finite()).then("score").alias("score"))
    best = scored.sort("query", pl.col("score").neg(), nulls_last=True, maintain_order=True)
    best = best.unique(["query", "document"], keep="first", maintain_order=True)
    rank = pl.int_range(1, pl.len() + 1).over("query").alias("rank")
    return best.with_columns(rank).select(pl.col(name).cast(kind) for name, kind in RETRIEVAL_SCHEMA.items())
