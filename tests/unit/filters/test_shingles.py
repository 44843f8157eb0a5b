import numpy as np
import polars as pl

from hardneg.filters.shingles import document_shingles, shingle


def sets(texts, size=3):
    hashes, counts = shingle(pl.Series(texts), size)
    ends = np.cumsum(counts)
    return [set(hashes[end - count : end].tolist()) for end, count in zip(ends, counts, strict=True)]


def test_a_text_of_n_tokens_has_n_minus_two_shingles_of_three():
    assert [len(found) for found in sets(["a b c d e", "a b c", "a b", "a", "", "   "])] == [3, 1, 1, 1, 0, 0]


def test_case_white_space_and_unicode_form_do_not_count():
    one, other = sets(["The  Quick\nbrown ﬁsh", "the quick BROWN fish"])
    assert one == other


def test_operators_and_characters_of_unspaced_scripts_are_tokens():
    plus, minus, chinese, words = sets(["a+b", "a-b", "你好吗朋友", "hello dear friend"])
    assert plus != minus
    assert len(chinese) == 3
    assert len(words) == 1


def test_accented_letters_stay_in_their_word():
    assert [len(found) for found in sets(["déjà vu été", "naïve"], size=1)] == [3, 1]


def test_repeated_shingles_count_once_and_each_set_is_sorted():
    hashes, counts = shingle(pl.Series(["a a a a a a", "d c b a d c b a"]), 2)
    assert counts.tolist() == [1, 4]
    assert (np.diff(hashes[1:].astype(np.int64)) > 0).all()


def test_sets_do_not_depend_on_the_texts_around_them():
    texts = ["a b c d", "", "x y z", "a b c d"]
    assert sets(texts) == [sets([text])[0] for text in texts]


def test_documents_are_shingled_once_a_text_and_asked_for_twice_once(tiny):
    found = document_shingles(tiny, 3)
    assert len(found.start) - 1 == 7
    assert document_shingles(tiny, 3) is found
    group = tiny.text_group[3]
    own = found.hashes[found.start[group] : found.start[group + 1]]
    assert set(own.tolist()) == sets([tiny.document_texts[3]])[0]


def test_an_empty_list_of_texts_has_no_shingles():
    hashes, counts = shingle(pl.Series([], dtype=pl.String), 3)
    assert len(hashes) == len(counts) == 0
