"""Two spans of one text, drawn independently: one asks, the other answers."""

import polars as pl

from hardneg.randomness import uniform

CROPPED = "#crop"  # what ids of crops end with
SHARES = (0.1, 0.5)  # of a text's words
LEAST_WORDS = 5  # of a crop
LEAST_TEXT = 20  # words of a text that is cropped

_CROP = 31


def crops(texts: pl.Series, *, seed: int) -> tuple[pl.Series, pl.Series]:
    """Draw two spans of words from each text; null where a text is too short for it.

    Each begins anywhere, and has a tenth to a half of the words, at least five; the two may overlap.

    References:
        Izacard et al. (2022), "Unsupervised Dense Information Retrieval with Contrastive Learning", arXiv:2112.09118,
        section 3.1: independent cropping. Theirs have 5 to 50 % of a text; shorter ones than here say little alone.
    """
    drawn: list[list[str | None]] = [[], []]
    words = texts.str.split(" ").to_list()
    shares = [uniform(seed, _CROP, side, range(len(texts))) for side in (0, 1)]
    places = [uniform(seed, _CROP, side, range(len(texts))) for side in (2, 3)]
    for row, each in enumerate(words):
        for side in (0, 1):
            drawn[side].append(_crop(each, float(shares[side][row]), float(places[side][row])))
    first, second = (pl.Series(texts.name, side, dtype=pl.String) for side in drawn)
    return first, second


def _crop(words: list[str], share: float, place: float) -> str | None:
    if len(words) < LEAST_TEXT:
        return None
    low, high = SHARES
    length = max(LEAST_WORDS, round(len(words) * (low + share * (high - low))))
    start = int(place * (len(words) - length + 1))
    return " ".join(words[start : start + length])
