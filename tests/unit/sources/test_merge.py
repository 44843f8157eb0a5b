from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from hardneg.errors import RecipeError
from hardneg.sources import BM25, Judged, Random, gather
from hardneg.sources.retrieval import RETRIEVAL_SCHEMA, retrieval_table

BLOCK = np.arange(4, dtype=np.int32)


@dataclass(frozen=True)
class Nothing:
    name: str = "nothing"

    def retrieve(self, dataset, block, depth):  # noqa: ARG002
        return pl.DataFrame(schema=RETRIEVAL_SCHEMA)


def test_every_positive_is_a_row_with_scores(tiny):
    rows = gather(tiny, [BM25(), Random(), Nothing()], BLOCK, 1)
    query, document = tiny.positives.among(BLOCK)
    positives = pl.DataFrame({"query": query, "document": document}).join(rows, on=["query", "document"], how="left")
    assert positives["score.bm25"].null_count() == 0
    missed = positives.filter(pl.col("rank.bm25").is_null())
    assert missed.height > 0
    assert missed["score.bm25"].min() > 0


def test_a_document_of_several_sources_keeps_each_rank(tiny):
    rows = gather(tiny, [BM25(), Random()], BLOCK, 8)
    for name, source in (("bm25", BM25()), ("random", Random())):
        own = rows.filter(pl.col(f"rank.{name}").is_not_null())
        own = own.select("query", "document", rank=f"rank.{name}", score=f"score.{name}").sort("query", "rank")
        assert own.equals(source.retrieve(tiny, BLOCK, 8))
    assert rows.filter(pl.all_horizontal(pl.col("^rank\\..*$").is_not_null())).height > 0


def test_rows_are_sorted_without_repeats(tiny):
    rows = gather(tiny, [BM25(), Random(), Judged()], BLOCK, 5)
    assert rows.equals(rows.sort("query", "document"))
    assert not rows.select("query", "document").is_duplicated().any()
    assert rows.columns == [
        *("query", "document", "rank.bm25", "score.bm25", "rank.random", "score.random"),
        *("rank.judged", "score.judged"),
    ]
    assert [str(dtype) for dtype in rows.dtypes] == ["Int32"] * 2 + ["Int32", "Float32"] * 3


def test_a_scorer_scores_the_rows_of_all_sources_and_others_only_their_own(tiny):
    rows = gather(tiny, [BM25(), Judged()], BLOCK, 5)
    assert rows["score.bm25"].null_count() == 0
    assert rows["score.judged"].null_count() == rows.height
    assert rows.filter(pl.col("rank.judged") == 1).select("query", "document").rows() == [(0, 7)]


def test_blocks_do_not_matter(tiny):
    sources = [BM25(), Random(), Judged()]
    parts = [gather(tiny, sources, BLOCK[i : i + 1], 3) for i in range(4)]
    assert pl.concat(parts).equals(gather(tiny, sources, BLOCK, 3))


def test_empty_block_keeps_the_columns(tiny):
    empty, full = (gather(tiny, [BM25(), Random()], block, 3) for block in (BLOCK[:0], BLOCK))
    assert empty.is_empty()
    assert empty.schema == full.schema


def test_sources_need_distinct_names(tiny):
    with pytest.raises(RecipeError, match="two sources are named 'bm25'"):
        gather(tiny, [BM25(), BM25(analyzer="code")], BLOCK, 3)
    with pytest.raises(RecipeError, match="no source"):
        gather(tiny, [], BLOCK, 3)
    both = gather(tiny, [BM25(), BM25(analyzer="code", name="bm25_code")], BLOCK, 3)
    assert "rank.bm25_code" in both.columns


def test_judged_lists_only_what_no_row_calls_relevant(tiny):
    assert Judged().retrieve(tiny, BLOCK, 5).rows() == [(0, 7, 1, None)]


def test_retrieval_table_skips_the_padding():
    table = retrieval_table(
        np.array([7, 3], np.int32), np.array([[1, 2], [5, -1]], np.int32), np.array([[2, 1], [4, 0]], np.float32)
    )
    assert table.rows() == [(3, 5, 1, 4.0), (7, 1, 1, 2.0), (7, 2, 2, 1.0)]
