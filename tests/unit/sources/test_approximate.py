"""An index of FAISS as a source: how much of the best it finds, that it is the same each time, and what is refused."""

import struct
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import polars as pl
import pytest

from hardneg.components import parse_component, pick
from hardneg.data.corpus import Corpus
from hardneg.data.dataset import Dataset
from hardneg.errors import ModelError, RecipeError
from hardneg.leave import allowing
from hardneg.place import Place
from hardneg.recipe.rooms import SOURCE
from hardneg.search import faiss_index
from hardneg.sources import BM25, Approximate, Vectors

N, DIM = 3_000, 32
BLOCK = np.arange(40, dtype=np.int32)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    draw = np.random.default_rng(5)
    matrix = draw.standard_normal((60, DIM))[draw.integers(60, size=N)] + 0.7 * draw.standard_normal((N, DIM))
    return (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def case(tmp_path, vectors):
    names = [str(each) for each in range(N)]
    queries = pl.DataFrame({"id": names[:40], "text": [f"query {each}" for each in names[:40]]})
    labels = {"query_id": names[:40], "doc_id": names[:40], "relevance": [1] * 40, "split": ["train"] * 40}
    dataset = Dataset.from_tables(queries, pl.DataFrame({"id": names, "text": names}), pl.DataFrame(labels))
    np.save(tmp_path / "documents.npy", vectors)
    np.save(tmp_path / "queries.npy", vectors[:40] + np.float32(0.05))
    return dataset, Vectors(tmp_path / "documents.npy", tmp_path / "queries.npy")


class Stopping:
    """Vectors that stop who comes to the fourth slab."""

    def __init__(self, vectors):
        self.vectors, self.shape = vectors, vectors.shape

    def __len__(self):
        return len(self.vectors)

    def __getitem__(self, rows):
        if isinstance(rows, slice) and rows.start == 1_500:
            raise KeyboardInterrupt
        return self.vectors[rows]


def _index_bytes(cache) -> bytes:
    return next(cache.glob("indexes/*/index.faiss")).read_bytes()


@pytest.mark.parametrize("kind", ["ivfpq", "hnsw"])
def test_what_is_found_is_scored_as_the_exact_search_scores_it_and_is_most_of_the_best(case, kind):
    dataset, exact = case
    best = exact.retrieve(dataset, BLOCK, 50)
    rows = Approximate(exact, kind=kind, pool=200, bytes_each=8).retrieve(dataset, BLOCK, 50)
    both = best.join(rows, on=["query", "document"], suffix=".index")
    assert both.height > 0.9 * best.height
    assert both["score"].equals(both["score.index"])
    assert not both.filter(pl.col("rank.index") > pl.col("rank")).height


@pytest.mark.parametrize("kind", ["ivfpq", "hnsw"])
def test_what_a_query_gets_depends_neither_on_its_block_nor_on_the_depth(case, kind):
    dataset, exact = case
    source = Approximate(exact, kind=kind, pool=100, probes=4, bytes_each=8)
    whole = source.retrieve(dataset, BLOCK, 30)
    assert pl.concat([source.retrieve(dataset, BLOCK[at : at + 1], 30) for at in BLOCK]).equals(whole)
    assert source.retrieve(dataset, BLOCK, 7).equals(whole.filter(pl.col("rank") <= 7))
    assert source.retrieve(dataset, BLOCK, 500)["rank"].max() <= 100


@pytest.mark.parametrize("kind", ["ivfpq", "hnsw"])
def test_a_build_that_was_stopped_goes_on_and_gives_the_same_bytes(case, vectors, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(faiss_index, "_SLAB", 500)
    build = faiss_index.Build(kind, None, 8, 16, seed=3)
    faiss_index.kept_index(build, vectors, tmp_path / "whole")
    monkeypatch.setattr(faiss_index, "_SAVE_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        faiss_index.kept_index(build, Stopping(vectors), tmp_path / "stopped")
    assert faiss.read_index(str(tmp_path / "stopped" / "building.faiss")).ntotal == 1_500
    faiss_index.kept_index(build, vectors, tmp_path / "stopped")
    assert (tmp_path / "stopped/index.faiss").read_bytes() == (tmp_path / "whole/index.faiss").read_bytes()
    assert not (tmp_path / "stopped/building.faiss").exists()


def test_the_index_is_kept_and_a_damaged_one_is_built_anew(case, cache, caplog):
    dataset, exact = case
    rows = Approximate(exact, pool=100, bytes_each=8).retrieve(dataset, BLOCK, 30)
    path, before = next(cache.glob("indexes/*/index.faiss")), _index_bytes(cache)
    path.write_bytes(before[:-40] + bytes(40))
    again = replace(dataset, corpus=Corpus(dataset.queries, dataset.documents))
    assert Approximate(exact, pool=100, bytes_each=8).retrieve(again, BLOCK, 30).equals(rows)
    assert "is damaged and is built anew" in caplog.text
    assert _index_bytes(cache) == before


def test_vectors_that_are_not_finite_are_refused(vectors, tmp_path):
    damaged = vectors.copy()
    damaged[1_700] = np.nan
    for kind in ("ivfpq", "hnsw"):
        with pytest.raises(ModelError, match="the vector of document 1700 is not finite"):
            faiss_index.kept_index(faiss_index.Build(kind, None, 8, 16, 0), damaged, tmp_path / kind)


def test_an_index_of_the_user_is_read_by_position(case, vectors, tmp_path):
    dataset, exact = case
    for index in (faiss.IndexFlatIP(DIM), faiss.IndexFlatL2(DIM)):
        index.add(vectors)
        faiss.write_index(index, str(tmp_path / "own.faiss"))
        source = Approximate(exact, file=tmp_path / "own.faiss", pool=100)
        source.check(dataset, BLOCK, split="train")
        assert source.retrieve(dataset, BLOCK, 20).equals(exact.retrieve(dataset, BLOCK, 20))
        (tmp_path / "own.faiss").unlink()


def _saved(index, path):
    faiss.write_index(index, str(path))
    return path.read_bytes()


def test_a_file_that_is_no_index_of_the_dataset_is_refused(case, vectors, tmp_path):
    dataset, exact = case
    path = tmp_path / "own.faiss"
    flat, narrow = faiss.IndexFlatIP(DIM), faiss.IndexFlatIP(8)
    flat.add(vectors[:2_990])
    short = _saved(flat, path)
    flat.add(vectors[:10])
    whole = _saved(flat, path)
    mapped = faiss.IndexIDMap(faiss.IndexFlatIP(DIM))
    untrained = whole[:32] + b"\0" + whole[33:]
    huge = whole[:37] + struct.pack("<Q", 2**50) + whole[45:]
    for raw, message in {
        b"": "begins with ''",
        b"PK\3\4" + bytes(100): "is no index of FAISS",
        _saved(mapped, path): "begins with 'IxMp'",
        _saved(narrow, path): "its vectors have 8 dimensions, those of the queries 32",
        short: "an index of 2,990 vectors for 3,000 documents.*lacks the last 10",
        untrained: "is not trained",
        whole[:-9]: "FAISS cannot read it, so it is cut or damaged",
        huge: "FAISS cannot read it, so it is cut or damaged",
    }.items():
        path.write_bytes(raw)
        with pytest.raises(ModelError, match=message):
            Approximate(exact, file=path).check(dataset, BLOCK, split="train")
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        Approximate(exact, file=tmp_path / "none.faiss").check(dataset, BLOCK, split="train")


def test_values_are_checked_and_a_source_without_vectors_is_refused(case):
    with pytest.raises(RecipeError, match="the source 'bm25' has no vectors; name dense or vectors"):
        Approximate(BM25())
    for wrong, message in {
        "kind": "kind is 'kind'; set it to ivfpq or hnsw",
        "pool": "pool is 0",
        "links": "links is 1",
    }.items():
        value = {"kind": "kind", "pool": 0, "links": 1}[wrong]
        with pytest.raises(RecipeError, match=message):
            Approximate(case[1], **{wrong: value})


def test_the_command_line_names_it_around_another_source():
    table = parse_component("approximate(of={'use': 'dense', 'model': 'any'}, kind='hnsw')")
    source = pick(SOURCE, table, Place(Path("test")))
    assert (source.kind, source.of.model) == ("hnsw", "any")


def test_a_recipe_of_a_stranger_may_not_have_faiss_read_a_file(tmp_path):
    table = {"use": "approximate", "of": {"use": "dense", "model": "any"}, "file": "theirs.faiss"}
    with pytest.raises(RecipeError, match=r"names 'theirs.faiss', which a library would read .* say --allow-code"):
        pick(SOURCE, table, Place(tmp_path / "recipe.toml", foreign=True))
    with allowing(code=True):
        assert pick(SOURCE, table, Place(tmp_path / "recipe.toml", foreign=True)).file == "theirs.faiss"
