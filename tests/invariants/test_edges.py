"""Numbers and texts at the edge of what there is: every one is mined, or refused in one message."""

# ruff: noqa: RUF001 - letters that look alike are what is tested

import json

import numpy as np
import polars as pl
import pytest

import hardneg as hn
from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError, HardnegError, ModelError
from hardneg.sources import BM25, Vectors

ODD = {
    "right to left": "שלום \u202eabc\u202c مرحبا",
    "joined": "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 é",
    "wide and narrow": "Ｈｅｌｌｏ ﬁ Å Å",
    "controls": "a\x01b\x7fc\u0085d\u2028e\u2029f",
    "nothing to see": "\u200b\u200c\u200d\ufeff",
    "beyond the plane": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 \U0010ffff",
    "cases": "ß ẞ İ ı ſ ǆ Σς",
    "marks": "Z" + "\u0300" * 500,
    "one letter": "a" * 10_000,
}


def dataset_of(queries, documents, labels=None):
    labels = labels or [(i % len(queries), i % len(documents)) for i in range(len(queries))]
    rows = [(f"q{q}", f"d{d}", 1, "train") for q, d in labels]
    return Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(len(queries))], "text": queries}),
        pl.DataFrame({"id": [f"d{i}" for i in range(len(documents))], "text": documents}),
        pl.DataFrame(rows, schema=["query_id", "doc_id", "relevance", "split"], orient="row"),
        name="edge",
    )


def check(mined, dataset):
    query, document = (mined.negatives[name].to_numpy() for name in ("query", "document"))
    assert not dataset.is_answer(query, document).any()
    assert not mined.negatives.select("query", "document").is_duplicated().any()
    return mined


def mine(dataset, source, **options):
    return check(hn.mine(dataset, sources=[source], filters=[], **({"per_query": 2} | options)), dataset)


def vectors(folder, queries, documents):
    for name, array in (("q", queries), ("d", documents)):
        np.save(folder / f"{name}.npy", np.asarray(array, dtype=np.float32))
    return Vectors(query_vectors=str(folder / "q.npy"), document_vectors=str(folder / "d.npy"))


@pytest.fixture
def words():
    return dataset_of(["open a file", "sort a list", "join"], [f"text of number {i}" for i in range(6)])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("of", ["queries", "documents"])
def test_vectors_that_are_no_numbers_are_refused(words, tmp_path, bad, of):
    arrays = {"queries": np.ones((3, 4)), "documents": np.ones((6, 4))}
    arrays[of][1, 2] = bad
    with pytest.raises(ModelError):
        mine(words, vectors(tmp_path, **arrays))


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 1e-45, 1e30, -1e30])
def test_equal_vectors_and_equal_scores_are_mined_in_one_order(words, tmp_path, value):
    source = vectors(tmp_path, np.full((3, 4), value), np.full((6, 4), value))
    try:
        first = mine(words, source)
    except HardnegError:
        assert abs(value) > 1e18  # products that float32 cannot hold
        return
    assert first.negatives.equals(mine(words, source, block_size=1).negatives)
    assert first.negatives.group_by("query").len()["len"].to_list() == [2, 2, 2]


@pytest.mark.parametrize("depth", [1, 6, 7, 10_000])
def test_a_depth_above_the_corpus_finds_all_of_it(words, depth):
    mined = mine(words, BM25(analyzer="plain"), depth=depth, per_query=1)
    assert mined.negatives.height <= 3


@pytest.mark.parametrize("n", [1, 2])
def test_one_document_leaves_no_negative_and_says_so(tmp_path, n):
    dataset = dataset_of(["open a file"], ["open a file"] * n)
    mined = mine(dataset, vectors(tmp_path, np.ones((1, 2)), np.ones((n, 2))))
    assert mined.negatives.height == 0 or n == 2
    assert mined.funnel["selected"] == mined.negatives.height


def test_one_query_with_100_000_answers(tmp_path):
    n = 100_000
    dataset = dataset_of(["q"], [f"d {i}" for i in range(n + 3)], [(0, i) for i in range(n)])
    near = np.linspace(1, 0, n + 3)[:, None] * np.ones((1, 2))
    mined = mine(dataset, vectors(tmp_path, np.ones((1, 2)), near), per_query=3)
    assert sorted(mined.negatives["document"].to_list()) == [n, n + 1, n + 2]


def test_a_text_of_10_mb(tmp_path):
    long = "word " * 2_000_000
    dataset = dataset_of(["open a file", "word"], [long, "open a file", "a word"], [(0, 1), (1, 2)])
    dataset.write(tmp_path / "data")
    again = hn.read_dataset(tmp_path / "data")
    assert again.fingerprint == dataset.fingerprint
    assert mine(again, BM25(analyzer="plain"), per_query=1).negatives.height >= 1


@pytest.mark.parametrize("analyzer", ["plain", "english", "code"])
def test_odd_letters_are_kept_and_mined(tmp_path, analyzer):
    texts = [f"{text} word" for text in ODD.values()]
    dataset = dataset_of(texts, [f"{text} {i}" for i, text in enumerate(texts)])
    dataset.write(tmp_path / "data")
    again = hn.read_dataset(tmp_path / "data")
    assert again.query_texts.to_list() == dataset.query_texts.to_list()
    mined = mine(again, BM25(analyzer=analyzer), depth=5)
    assert mined.negatives.equals(mine(again, BM25(analyzer=analyzer), depth=5, block_size=2).negatives)


FORMS = {
    "lone surrogate": "\\ud800 open",
    "surrogates in order": "\\ud83d\\udca9 open",
    "zero": "a\\u0000b",
    "line separators": "a\\u2028b\\u2029c\\u0085d",
    "mark in the middle": "a\\ufeffb",
    "composed": "\\u00e9",
    "decomposed": "e\\u0301",
    "joined to nothing": "\\u200d\\u200b\\u2060",
    "overriding": "\\u202eabc",
}


@pytest.mark.parametrize("name", FORMS)
def test_what_json_may_escape_is_read_as_it_is_or_refused_with_its_line(tmp_path, name):
    line = f'{{"query": "find {FORMS[name]}", "positive": "found {FORMS[name]}"}}\n'
    other = '{"query": "sort a list", "positive": "sorted"}\n'
    (tmp_path / "data.jsonl").write_bytes(b"\xef\xbb\xbf" + (other + line).encode())
    if name == "lone surrogate":
        with pytest.raises(DatasetError, match="data"):
            hn.read_dataset(tmp_path / "data.jsonl")
        return
    dataset = hn.read_dataset(tmp_path / "data.jsonl")
    assert dataset.n_queries == 2
    assert f"find {json.loads(chr(34) + FORMS[name] + chr(34))}" in dataset.query_texts.to_list()


def test_forms_of_one_letter_are_two_texts(tmp_path):
    """Composed or not is told apart by ids and answers; only near duplicates look beyond it."""
    dataset = dataset_of(["é", "e\u0301"], ["é", "e\u0301"])
    assert dataset.query_texts.n_unique() == 2
