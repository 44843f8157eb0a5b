import polars as pl

from hardneg.search import words
from hardneg.search.analyzers import ANALYZERS


def numbered(texts, vocabulary, *, grow=True, analyzer="plain"):
    parts = words.number_terms(pl.Series(texts, dtype=pl.String), ANALYZERS[analyzer], vocabulary, grow=grow)
    return [(part.term.tolist(), part.text.tolist(), part.n_texts) for part in parts]


def test_terms_are_numbered_by_first_occurrence():
    vocabulary = {}
    assert numbered(["b a b", None, "c a"], vocabulary) == [([0, 1, 0, 2, 1], [0, 0, 0, 2, 2], 3)]
    assert vocabulary == {"b": 0, "a": 1, "c": 2}


def test_unknown_terms_are_minus_one_and_leave_the_vocabulary_alone():
    vocabulary = {"a": 0}
    assert numbered(["z a"], vocabulary, grow=False) == [([-1, 0], [0, 0], 1)]
    assert vocabulary == {"a": 0}


def test_a_word_with_several_terms_gives_them_in_order():
    assert numbered(["getFiles the x"], {}, analyzer="code") == [([0, 1, 2, 3], [0, 0, 0, 0], 1)]


def test_texts_are_taken_in_slices(monkeypatch):
    monkeypatch.setattr(words, "_SLICE", 2)
    assert numbered(["a", "b", "a b"], {}) == [([0, 1], [0, 1], 2), ([0, 1], [0, 0], 1)]


def test_no_texts_give_no_terms():
    assert numbered([], {}) == []
    assert numbered(["", None], {}) == [([], [], 2)]
