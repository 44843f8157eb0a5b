import numpy as np
import polars as pl
import pytest

from hardneg.data.resemblance import LIKE_DOCUMENTS, LIKE_QUERIES, letters, near_pairs


def shingles(text, unit):
    """What a text is as a set, written down once more and slowly."""
    plain = pl.select(letters(pl.lit(text))).item()
    units = list(plain) if unit == "letter" else plain.split(" ")
    return {tuple(units[at : at + 3]) for at in range(max(1, len(units) - 2))} if plain else set()


def jaccard(a, b, unit):
    a, b = shingles(a, unit), shingles(b, unit)
    return len(a & b) / len(a | b) if a and b else 0.0


@pytest.mark.parametrize("likeness", [LIKE_QUERIES, LIKE_DOCUMENTS], ids=["letters", "words"])
def test_every_clear_pair_is_found_and_none_that_is_less_alike(likeness):
    rng = np.random.default_rng(3)
    words = [f"{a}{b}{c}" for a in "bdgk" for b in "aeiou" for c in "lmnr"]
    texts = [" ".join(rng.choice(words, rng.integers(1, 40))) for _ in range(60)]
    for text in texts[:40]:
        changed = text.split(" ")
        for at in rng.choice(len(changed), rng.integers(0, 3)):
            changed[at] = str(rng.choice(words))
        texts.append("  ".join(changed).upper() + "?!")
    found = {tuple(pair) for pair in near_pairs(pl.Series(texts), likeness).tolist()}
    alike = {
        (a, b): jaccard(texts[a], texts[b], likeness.unit) for a in range(len(texts)) for b in range(a + 1, len(texts))
    }
    assert all(alike[pair] >= likeness.threshold for pair in found)
    assert {pair for pair, value in alike.items() if value >= 0.9} <= found
    assert len(found) >= 10


@pytest.mark.parametrize(
    ("a", "b", "near"),
    [
        ("How do I reset my password?", "how do i reset my passwords", True),
        ("how do i reset my password", "how do i reset my account", False),
        ("flights to paris in may", "flights to paris in june", False),
        ("what does clause 12 of the act say", "what does clause 13 of the act say", False),
        ("北京大学在哪里", "北京大学在哪里?", True),
        ("a", "b", False),
        ("", "", False),
    ],
)
def test_queries_are_near_with_a_slip_of_the_pen_but_not_with_another_word_or_number(a, b, near):
    assert bool(len(near_pairs(pl.Series([a, b]), LIKE_QUERIES))) is near


def test_texts_of_one_side_are_not_compared():
    texts = pl.Series(["one two three four five six"] * 3 + [None])
    assert near_pairs(texts, LIKE_DOCUMENTS, side=np.array([0, 0, 1, 1])).tolist() == [[0, 2], [1, 2]]
    assert not len(near_pairs(texts, LIKE_DOCUMENTS, side=np.zeros(4, dtype=np.int64)))
    assert near_pairs(pl.Series([], dtype=pl.String), LIKE_DOCUMENTS).shape == (0, 2)


def test_many_texts_alike_are_compared_with_some_of_them_at_a_cost_that_does_not_square():
    texts = pl.Series([f"a form that says nothing but the name of a person and it is {'x' * n}" for n in range(500)])
    pairs = near_pairs(texts, LIKE_DOCUMENTS)
    assert len(pairs) < 500 * 499 / 2 / 3
    assert set(pairs.ravel().tolist()) == set(range(500))
