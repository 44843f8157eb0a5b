from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from hardneg.errors import RecipeError
from hardneg.sources import BM25, Dense, Judged, Random, Vectors, gather
from hardneg.sources.retrieval import RETRIEVAL_SCHEMA, retrieval_table
from toy import toy_dataset

BLOCK = np.arange(4, dtype=np.int32)


@dataclass(frozen=True)
class Nothing:
    name: str = "nothing"

    def retrieve(self, dataset, block, depth):
        return pl.DataFrame(schema=RETRIEVAL_SCHEMA)


def test_every_positive_is_a_row_with_scores():
    toy = toy_dataset()
    block = toy.queries_of("train")
    rows = gather(toy, [BM25(), Random(), Nothing()], block, 1)
    query, document = toy.positives.among(block)
    positives = pl.DataFrame({"query": query, "document": document}).join(rows, on=["query", "document"], how="left")
    assert positives["score.bm25"].null_count() == 0
    missed = positives.filter(pl.col("rank.bm25").is_null())
    assert missed.height > 0
    score = BM25().score(toy, missed["query"].to_numpy(), missed["document"].to_numpy())
    assert missed["score.bm25"].to_list() == score.tolist()


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


@dataclass(frozen=True)
class Theirs:
    """Returns one good row, with some columns replaced."""

    changes: tuple[tuple[str, pl.Expr], ...] = ()
    name: str = "theirs"

    def retrieve(self, dataset, block, depth):
        row = {"query": [1], "document": [6], "rank": [1], "score": [0.5]}
        return pl.DataFrame(row, schema=RETRIEVAL_SCHEMA).with_columns(
            value.alias(column) for column, value in self.changes
        )


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        ("document", pl.lit(6, pl.Int64), "the columns .*document Int64.*; return .*document Int32"),
        ("extra", pl.lit(1), "the columns .*extra"),
        ("document", pl.lit(-1, pl.Int32), "the document -1, which is not a position in tiny, from 0 to 7"),
        ("document", pl.lit(8, pl.Int32), "the document 8"),
        ("document", pl.lit(None, pl.Int32), "the document None"),
        ("query", pl.lit(9, pl.Int32), "the query 9, which is not one that was asked for"),
        ("rank", pl.lit(0, pl.Int32), "the rank 0, which is not from 1 to 7, the depth"),
        ("score", pl.lit(float("nan"), pl.Float32), "the score nan, which is not a finite number"),
    ],
)
def test_what_a_source_of_ones_own_returns_is_checked(tiny, column, value, complaint):
    with pytest.raises(RecipeError, match=f"source 'theirs' returned {complaint}"):
        gather(tiny, [BM25(), Theirs(changes=((column, value),))], BLOCK, 3)
    rows = gather(tiny, [Theirs(changes=(("score", pl.lit(None, pl.Float32)),))], BLOCK, 3)
    assert rows.filter(pl.col("rank.theirs") == 1).select("query", "document").rows() == [(1, 6)]


def test_a_source_that_repeats_a_pair_or_returns_no_table_is_refused(tiny):
    class Repeating(Theirs):
        def retrieve(self, dataset, block, depth):
            return pl.concat([super().retrieve(dataset, block, depth)] * 2)

    class Listing(Theirs):
        def retrieve(self, dataset, block, depth):
            return []

    with pytest.raises(RecipeError, match="returned document 6 more than once for query 1"):
        gather(tiny, [Repeating()], BLOCK, 3)
    with pytest.raises(RecipeError, match="source 'theirs' returned a list; return a DataFrame with query Int32"):
        gather(tiny, [Listing()], BLOCK, 3)


@pytest.mark.parametrize("scores", [[0.5], [float("nan")] * 7, ["a"] * 7])
def test_what_a_scorer_of_ones_own_returns_is_checked(tiny, scores):
    class Scoring(Theirs):
        def score(self, dataset, query, document):
            return np.array(scores)

    n_pairs = len(tiny.positives.among(BLOCK)[0])
    with pytest.raises(RecipeError, match=f"source 'theirs' must score {n_pairs} pairs with as many finite numbers"):
        gather(tiny, [Scoring()], BLOCK, 3)


@pytest.mark.parametrize(
    ("kind", "values", "complaint"),
    [
        (BM25, {"k1": -1}, "bm25: k1 is -1; set it to 0 or more"),
        (BM25, {"k1": float("nan")}, "bm25: k1 is nan"),
        (BM25, {"b": 3}, r"bm25: b is 3; set it within \[0, 1\]"),
        (BM25, {"analyzer": "englsh"}, "no BM25 analyzer 'englsh'; did you mean 'english'"),
        (Random, {"seed": -1}, "random: seed is -1; set it to 0 or more"),
        (Random, {"seed": 2**64}, "random: seed is 18446744073709551616"),
        (Dense, {"model": "m", "max_tokens": 0}, "dense: max_tokens is 0; set it to 4 or more"),
        *((kind, {"name": " "}, "name is empty") for kind in (BM25, Random, Judged)),
        (Dense, {"model": "m", "name": ""}, "dense: name is empty"),
        (Vectors, {"document_vectors": "d", "query_vectors": "q", "name": ""}, "vectors: name is empty"),
    ],
)
def test_a_value_out_of_range_is_refused_when_the_source_is_made(kind, values, complaint):
    with pytest.raises(RecipeError, match=complaint):
        kind(**values)


def test_a_source_of_ones_own_needs_a_name_too(tiny):
    with pytest.raises(RecipeError, match="Theirs: name is empty"):
        gather(tiny, [Theirs(name="")], BLOCK, 3)
