"""What a form is: who reads it, what its rows are, and what it cannot carry."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from hardneg.exports.block import Block
from hardneg.exports.chosen import Chosen

# Rows by the file that they belong to; "" is the file itself, where a form is one file.
Files = Mapping[str, pl.DataFrame]
Ids = Literal["always", "asked", "never"]
Scores = Literal["needed", "asked", "kept", "never"]  # kept: as they are, missing ones null


def no_texts(chosen: Chosen) -> Iterator[tuple[str, pl.DataFrame]]:  # noqa: ARG001 - as every form's
    """Add no file of texts."""
    return iter(())


@dataclass(frozen=True)
class Form:
    """A layout that somebody's loader reads."""

    reader: str  # who
    row: str  # what has a row, and its fields
    rows: Callable[[Block], Files]  # of a block of queries
    suffixes: tuple[str, ...] = (".jsonl",)  # endings of the file; none for a form that is a folder
    texts: Callable[[Chosen], Iterator[tuple[str, pl.DataFrame]]] = no_texts  # further files, by parts
    fixed: Callable[[Chosen], Mapping[str, str]] = lambda _: {}  # small files that say what is where
    ids: Ids = "never"
    scores: Scores = "asked"
    source: bool = False  # whether it says which source found a negative
    even: bool = False  # whether rows need equally many negatives
    takes_width: bool = True  # whether a number of negatives can be asked for
    cannot: tuple[tuple[str, str], ...] = ()  # what else it cannot carry, or what becomes of it

    @property
    def is_folder(self) -> bool:
        """Whether it is several files."""
        return not self.suffixes
