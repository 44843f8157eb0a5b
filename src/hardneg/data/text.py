"""When two texts count as the same text."""

import hashlib
from collections.abc import Iterable

import polars as pl

_SLICE = 65_536


def normalised(text: pl.Expr) -> pl.Expr:
    """Bring a text to the form in which equality is decided: Unicode NFKC, no case, single spaces.

    Upper-casing before lower-casing folds what plain lower-casing leaves apart ("Straße", "STRASSE").
    """
    folded = text.str.normalize("NFKC").str.to_uppercase().str.to_lowercase().str.normalize("NFKC")
    return folded.str.replace_all(r"\s+", " ").str.strip_chars()


def digest(texts: pl.Series) -> str:
    """Hash a column of texts, its order included; nulls count as empty.

    Args:
        texts: The column.

    Returns:
        32 hexadecimal digits (BLAKE2b-128).
    """
    return _digest(texts.slice(start, _SLICE) for start in range(0, len(texts), _SLICE))


def digest_in_order(texts: pl.Series, order: pl.Series) -> str:
    """Hash a column of texts as it would be in another order, without a second copy of it.

    Args:
        texts: The column.
        order: Its positions, each once, in the order that counts.

    Returns:
        32 hexadecimal digits (BLAKE2b-128).
    """
    return _digest(texts.gather(order.slice(start, _SLICE)) for start in range(0, len(texts), _SLICE))


def _digest(parts: Iterable[pl.Series]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for texts in parts:
        part = texts.fill_null("")
        state.update(part.str.len_bytes().to_numpy().astype("<u4").tobytes())
        state.update("".join(part.to_list()).encode())
    return state.hexdigest()
