"""When two texts count as the same text."""

import hashlib
from collections.abc import Iterable

import polars as pl

_SLICE = 65_536

# Scripts that put no space between words; the sign that lengthens a vowel in Japanese belongs to two of them.
UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\x{30FC}\x{FF70}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
    r"\p{Tai_Le}\p{New_Tai_Lue}\p{Tai_Tham}\p{Tai_Viet}\p{Javanese}\p{Balinese}"
)
# What a page shows nothing of: fillers of Hangul and variation selectors, blank Braille and lone marks too.
_UNSEEN = r"\s\p{Cc}\p{Cf}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\x{2800}\x{FFFC}\x{FFFD}"
# One letter of them with the marks that it carries, or everything else up to the next space or such letter.
_WORD_OR_LETTER = rf"[{UNSPACED}&&\w]\p{{M}}*|[^\s{UNSPACED}]+"


def normalised(text: pl.Expr) -> pl.Expr:
    """Bring a text to the form in which equality is decided: Unicode NFKC, no case, single spaces.

    Upper-casing before lower-casing folds what plain lower-casing leaves apart ("Straße", "STRASSE").
    """
    folded = text.str.normalize("NFKC").str.to_uppercase().str.to_lowercase().str.normalize("NFKC")
    return folded.str.replace_all(r"\s+", " ").str.strip_chars()


def is_blank(text: pl.Expr) -> pl.Expr:
    """Say whether a text holds nothing but white space, invisible characters and white space that stayed escaped."""
    return text.fill_null("").str.replace_all(rf"[{_UNSEEN}]|\\[nrt]", "") == ""


def word_counts(texts: pl.Series) -> pl.Series:
    """Count the words between white space in each text; where a script has no spaces, each letter counts as a word.

    A letter carries about as much as half a word, and models cut such texts into a token a letter or so: what matters
    is that a long text counts as long.

    >>> word_counts(pl.Series(["how to reset it", "怎么重置路由器", "ราคา 20"])).to_list()
    [4, 7, 5]
    """
    spaced = texts.str.count_matches(r"\S+")
    foreign = texts.str.len_bytes() > texts.str.len_chars()
    if not foreign.any():
        return spaced
    rows = foreign.fill_null(False).arg_true()
    return spaced.clone().scatter(rows, texts.gather(rows).str.count_matches(_WORD_OR_LETTER))


def digest(texts: pl.Series) -> str:
    """Hash a column of texts, its order included; nulls count as empty."""
    return _digest(texts.slice(start, _SLICE) for start in range(0, len(texts), _SLICE))


def digest_in_order(texts: pl.Series, order: pl.Series) -> str:
    """Hash a column of texts as it would be in another order, without a second copy of it."""
    return _digest(texts.gather(order.slice(start, _SLICE)) for start in range(0, len(texts), _SLICE))


def _digest(parts: Iterable[pl.Series]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for texts in parts:
        part = texts.fill_null("")
        state.update(part.str.len_bytes().to_numpy().astype("<u4").tobytes())
        state.update("".join(part.to_list()).encode())
    return state.hexdigest()
