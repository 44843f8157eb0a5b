"""BM25 in shards: each has an index of its own, and all have the statistics of all documents, so scores are equal.

texts-SHARD.parquet, queries.parquet   what is indexed and searched for
terms-SHARD.parquet                    how many documents of a shard have each term
terms.parquet, terms.json              the same of all shards, and how long documents are
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Float32, Float64, Int64, Integer

from hardneg.engines import current_engine
from hardneg.files import replacing
from hardneg.parquet import read_parquet
from hardneg.progress import task
from hardneg.search._kernels.postings import count
from hardneg.search.analyzers import analyzer
from hardneg.search.bm25 import BM25Index, Whole
from hardneg.search.sharded import Hits, edges
from hardneg.search.words import number_terms


@dataclass(frozen=True)
class BM25Search:
    """Search for texts of a folder among those of its shards."""

    folder: Path
    analyzer: str
    k1: float
    b: float
    n_documents: int
    n_shards: int

    samples: ClassVar[bool] = False

    def open(self, shard: int) -> "BM25Shard":
        """Index a shard."""
        texts = read_parquet(_texts(self.folder, shard))["text"]
        queries = read_parquet(self.folder / "queries.parquet")["text"]
        return BM25Shard(queries, self.index(texts), edges(self.n_documents, self.n_shards)[shard])

    def index(self, texts: pl.Series) -> BM25Index:
        """Index some documents, with the statistics of all."""
        return BM25Index.build(texts, analyzer(self.analyzer), k1=self.k1, b=self.b, whole=_whole(self.folder))

    def pair_scores(
        self,
        query_texts: list[str],
        query_index: Integer[np.ndarray, " rows"],
        documents: pl.Series,
        document_index: Integer[np.ndarray, " rows"],
    ) -> Float32[np.ndarray, " rows"]:
        """Score pairs by an index of their documents alone, to the bit as a search scores them."""
        return self.index(documents).pair_scores(query_texts, query_index, document_index)


@dataclass(frozen=True, eq=False)
class BM25Shard:
    """An index of documents that follow each other."""

    queries: pl.Series
    index: BM25Index
    start: int

    def best(self, rows: slice, depth: int, floor: Float64[np.ndarray, " queries"]) -> Hits:  # noqa: ARG002
        """Find the best that share a term with the query."""
        texts = self.queries[rows].to_list()
        document, score = self.index.best(texts, depth)
        there = document >= 0
        return Hits(document[there] + np.int32(self.start), score[there], there.sum(axis=1))


@dataclass(frozen=True)
class TermCounts:
    """The terms of shards, counted one by one."""

    folder: Path
    analyzer: str

    def do(self, number: int) -> None:
        """Count the terms of a shard."""
        texts = read_parquet(_texts(self.folder, number))["text"]
        vocabulary: dict[str, int] = {}
        df, n_tokens = np.zeros(0, np.int64), 0
        for terms in number_terms(texts, analyzer(self.analyzer), vocabulary, grow=True):
            counts = count(terms.term, terms.text, terms.n_texts, len(vocabulary))
            df = np.pad(df, (0, len(vocabulary) - len(df))) + np.bincount(counts.term, minlength=len(vocabulary))
            n_tokens += int(counts.length.sum())
        table = pl.DataFrame({"term": list(vocabulary), "df": df}, schema={"term": pl.String, "df": pl.Int64})
        _write(table.with_columns(n_tokens=pl.lit(n_tokens)), _terms(self.folder, number))


def bm25_in_shards(
    texts: pl.Series, queries: pl.Series, analyzer_name: str, *, k1: float, b: float, limit: int, folder: Path
) -> BM25Search | None:
    """Cut documents into shards of at most so many bytes of text, and count their terms; None if all of them fit."""
    n_bytes = int(texts.str.len_bytes().sum())
    if n_bytes <= limit:
        return None
    n_shards = min(math.ceil(n_bytes / limit), len(texts))
    search = BM25Search(folder, analyzer_name, k1, b, len(texts), n_shards)
    if not (folder / "terms.json").exists():
        _write(queries.alias("text").to_frame(), folder / "queries.parquet")
        cuts = edges(len(texts), n_shards)
        for shard in range(n_shards):
            _write(texts[cuts[shard] : cuts[shard + 1]].alias("text").to_frame(), _texts(folder, shard))
        _count(folder, analyzer_name, range(n_shards), len(texts))
    return search


def _count(folder: Path, analyzer_name: str, shards: Sequence[int], n_documents: int) -> None:
    missing = [shard for shard in shards if not _terms(folder, shard).exists()]
    with task("counting terms", total=len(missing), unit="shards") as advance:
        for _ in current_engine().each(TermCounts(folder, analyzer_name), missing):
            advance(1)
    tables = [read_parquet(_terms(folder, shard)) for shard in shards]
    n_tokens = sum(int(table["n_tokens"][0]) for table in tables if table.height)
    _write(pl.concat(tables).group_by("term").agg(pl.col("df").sum()).sort("term"), folder / "terms.parquet")
    with replacing(folder / "terms.json", sums=False) as temporary:
        temporary.write_text(json.dumps({"documents": n_documents, "tokens": n_tokens}))


@lru_cache(maxsize=2)
def _whole(folder: Path) -> Whole:
    table = read_parquet(folder / "terms.parquet")
    sums = json.loads((folder / "terms.json").read_text())

    def df(vocabulary: dict[str, int]) -> Int64[np.ndarray, " terms"]:
        terms = pl.DataFrame({"term": list(vocabulary)}, schema={"term": pl.String})
        return terms.join(table, on="term", how="left", maintain_order="left")["df"].fill_null(0).to_numpy()

    return Whole(sums["documents"], sums["tokens"], df)


def _texts(folder: Path, shard: int) -> Path:
    return folder / f"texts-{shard:04d}.parquet"


def _terms(folder: Path, shard: int) -> Path:
    return folder / f"terms-{shard:04d}.parquet"


def _write(table: pl.DataFrame, path: Path) -> None:
    with replacing(path, sums=False) as temporary:
        table.write_parquet(temporary)
