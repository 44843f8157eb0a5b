"""What holds for every entry of `SOURCE`."""

import hashlib
from dataclasses import FrozenInstanceError

import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.evaluation.trec import write_run
from hardneg.recipe.rooms import SOURCE
from hardneg.scoring import Scorer
from hardneg.sources import Dense, Source, identity
from index_shelves import SHELVES, TEXT_SHELVES

BLOCK = np.arange(9, dtype=np.int32)
SOURCES_OF_SHELVES = {shelf.use: shelf for shelf in (SHELVES | TEXT_SHELVES).values()}


class HashedWords:
    """An encoder without a model: the vector of a text is the sum of its words' random vectors."""

    fingerprint = "hashed words"
    query_form = None

    def encode_queries(self, texts):
        return np.stack([sum((self._word(word) for word in text.split()), np.zeros(16, np.float32)) for text in texts])

    encode_documents = encode_queries

    def _word(self, word):
        seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest())
        return np.random.default_rng(seed).standard_normal(16).astype(np.float32)


ENCODER = HashedWords()


@pytest.fixture
def corpus() -> Dataset:
    """9 queries, 40 documents, some of them equal, with judged negatives."""
    words = [f"w{i}" for i in range(12)]
    draw = np.random.default_rng(3)
    texts = [" ".join(draw.choice(words, 5)) for _ in range(30)]
    queries = pl.DataFrame(
        {
            "id": [f"q{i}" for i in range(9)],
            "text": [" ".join(draw.choice(words, 3)) for _ in BLOCK],
            "conversation_id": [f"c{i % 2}" for i in BLOCK],
            "turn": BLOCK,
        }
    )
    groups = [f"g{i % 3}" for i in range(40)]
    documents = pl.DataFrame({"id": [f"d{i}" for i in range(40)], "text": texts + texts[:10], "group": groups})
    qrels = pl.DataFrame(
        {
            "query_id": [f"q{i % 9}" for i in range(36)],
            "doc_id": [f"d{i}" for i in range(36)],
            "relevance": [1] * 9 + [0] * 27,
            "split": ["train"] * 36,
        }
    )
    return Dataset.from_tables(queries, documents, qrels)


@pytest.fixture
def shelf_of(monkeypatch, tmp_path):
    opened = []
    yield lambda kind: opened.append(kind(monkeypatch, tmp_path)) or opened[-1]
    for shelf in opened:
        shelf.close()


@pytest.fixture(params=sorted(SOURCE.members))
def source(request, corpus, tmp_path, monkeypatch, shelf_of) -> Source:
    monkeypatch.setattr(Dense, "encoder", lambda _: ENCODER)
    kind = SOURCE.members[request.param]
    if request.param == "dense":
        return kind(model="any")
    if request.param == "vectors":
        np.save(tmp_path / "documents.npy", ENCODER.encode_documents(corpus.document_texts.to_list()))
        np.save(tmp_path / "queries.npy", ENCODER.encode_queries(corpus.query_texts.to_list()))
        return kind(tmp_path / "documents.npy", tmp_path / "queries.npy")
    if request.param == "run":
        found = SOURCE.members["random"](seed=5).retrieve(corpus, BLOCK[:7], 30)
        names = {"query_id": "q" + pl.col("query").cast(str), "doc_id": "d" + pl.col("document").cast(str)}
        write_run(found.with_columns(**names, score=1.0 / pl.col("rank")), tmp_path / "run.trec", tag="test")
        return kind(tmp_path / "run.trec")
    if request.param == "given":
        rows = SOURCE.members["random"](seed=5).retrieve(corpus, BLOCK[:7], 30)
        corpus.with_ids(rows.with_columns(score=1.0 / pl.col("rank"))).write_parquet(tmp_path / "given.parquet")
        return kind(tmp_path / "given.parquet")
    if request.param == "fused":
        return kind(SOURCE.members["bm25"](analyzer="plain"), SOURCE.members["random"](seed=5), pool=20)
    if request.param == "approximate":
        return kind(of=SOURCE.members["dense"](model="any"))
    if request.param == "related":
        return kind(column="group")
    if request.param in SOURCES_OF_SHELVES:
        texts = corpus.document_texts.to_list()
        shelf = shelf_of(SOURCES_OF_SHELVES[request.param])
        shelf.fill(corpus.documents["id"].to_list(), ENCODER.encode_documents(texts), texts, metric="dot")
        return shelf.source(SOURCE.members["dense"](model="any"))
    return kind()


def test_satisfies_the_protocol_under_its_own_name(source):
    assert isinstance(source, Source)
    assert source.name in SOURCE.members
    assert repr(source).startswith(type(source).__name__)
    with pytest.raises(FrozenInstanceError):
        source.name = "other"
    assert identity(source) == identity(source)


@pytest.mark.parametrize("depth", [1, 5, 1_000])
def test_returns_a_sorted_table_without_repeats(source, corpus, depth):
    table = source.retrieve(corpus, BLOCK, depth)
    assert table.schema == {"query": pl.Int32, "document": pl.Int32, "rank": pl.Int32, "score": pl.Float32}
    assert table.equals(table.sort("query", "rank"))
    assert not table.select("query", "document").is_duplicated().any()
    assert table["document"].is_between(0, corpus.n_documents - 1).all()
    assert not table.is_empty()
    for _, rows in table.group_by("query"):
        assert rows["rank"].to_list() == list(range(1, rows.height + 1))
        assert rows.height <= depth
        assert rows["score"].is_null().all() or rows["score"].is_sorted(descending=True)


def test_same_call_gives_the_same_rows(source, corpus):
    assert source.retrieve(corpus, BLOCK, 10).equals(source.retrieve(corpus, BLOCK, 10))


@pytest.mark.parametrize("size", [1, 2, 4])
def test_blocks_do_not_matter(source, corpus, size):
    whole = source.retrieve(corpus, BLOCK, 10)
    parts = [source.retrieve(corpus, BLOCK[start : start + size], 10) for start in range(0, len(BLOCK), size)]
    assert pl.concat(parts).equals(whole)


def test_smaller_depth_is_a_prefix(source, corpus):
    deep = source.retrieve(corpus, BLOCK, 12).filter(pl.col("rank") <= 4)
    assert source.retrieve(corpus, BLOCK, 4).equals(deep)


def test_order_of_the_block_does_not_matter(source, corpus):
    assert source.retrieve(corpus, BLOCK[::-1].copy(), 10).equals(source.retrieve(corpus, BLOCK, 10))


def test_empty_block_gives_an_empty_table(source, corpus):
    table = source.retrieve(corpus, BLOCK[:0], 10)
    assert table.is_empty()
    assert table.schema == source.retrieve(corpus, BLOCK, 10).schema


def test_scores_of_pairs_have_the_bits_of_the_retrieval(source, corpus):
    if not isinstance(source, Scorer):
        assert not hasattr(source, "score")
        return
    table = source.retrieve(corpus, BLOCK, 10).sample(fraction=1, shuffle=True, seed=1)
    score = source.score(corpus, table["query"].to_numpy(), table["document"].to_numpy())
    np.testing.assert_array_equal(score.view(np.int32), table["score"].to_numpy().view(np.int32))
    assert len(source.score(corpus, BLOCK[:0], BLOCK[:0])) == 0
