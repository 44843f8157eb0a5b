"""What `mine_hard_negatives` is asked for: checked, and its older spellings understood."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hardneg.arguments import shown
from hardneg.errors import RecipeError

FORMS = ("triplet", "n-tuple", "labeled-pair", "labeled-list")

_log = logging.getLogger(__name__)


class ArgumentError(RecipeError, ValueError):
    """An argument cannot be used; a ValueError too, as the peer raises."""


@dataclass(frozen=True)
class Asked:
    """How candidates become negatives: the peer's arguments of these names, with its defaults."""

    range_min: int = 0
    range_max: int | None = None
    max_score: float | None = None
    min_score: float | None = None
    absolute_margin: float | None = None
    relative_margin: float | None = None
    num_negatives: int = 3
    sampling_strategy: str = "top"
    include_positives: bool = False
    output_format: str = "triplet"
    output_scores: bool = False

    @property
    def is_bounded(self) -> bool:
        """Whether a score is compared with anything: only then does the peer ask its cross-encoder."""
        bounds = (self.absolute_margin, self.relative_margin, self.max_score, self.min_score)
        return any(bound is not None for bound in bounds)

    def settled(self, anchors: Sequence[str], *, rescored: bool) -> "Asked":
        """Check the values against the data, and fill in how deep to search."""
        if self.num_negatives < 1:
            raise ArgumentError(f"num_negatives is {self.num_negatives}; ask for at least 1")
        if self.sampling_strategy not in ("top", "random"):
            raise ArgumentError(f"sampling_strategy is {self.sampling_strategy!r}; set it to 'top' or 'random'")
        depth = self.range_max
        if depth is None:
            may_drop = self.absolute_margin is not None or self.relative_margin is not None
            may_drop |= self.max_score is not None or (rescored and self.min_score is not None)
            most = max(Counter(anchors).values())
            depth = self.range_min + self.num_negatives * (10 if may_drop else 1) + most
        if self.range_min < 0:
            raise ArgumentError(f"range_min is {self.range_min}; it must not be negative")
        if self.range_min >= depth:
            raise ArgumentError(f"range_min is {self.range_min}, but must be smaller than range_max, {depth}")
        if self.num_negatives > depth - self.range_min:
            raise ArgumentError(
                f"num_negatives is {self.num_negatives}, but between range_min = {self.range_min} and range_max = "
                f"{depth} are only {depth - self.range_min} candidates; raise range_max or lower the others"
            )
        return replace(self, range_max=depth)


def understood(mining: Asked, *, as_triplets: bool | None, margin: float | None) -> Asked:
    """Read older spellings, each with a warning, and settle what follows from others."""
    if as_triplets is not None:
        form = "triplet" if as_triplets else "n-tuple"
        _log.warning("as_triplets is deprecated; say output_format=%r", form)
        mining = replace(mining, output_format=form)
    if mining.include_positives and mining.output_format != "n-tuple":
        _log.warning("include_positives gives rankings, so output_format is 'n-tuple', not %r", mining.output_format)
        mining = replace(mining, output_format="n-tuple")
    if mining.output_format == "n-tuple-scores":
        _log.warning("output_format='n-tuple-scores' is deprecated; say 'n-tuple' with output_scores=True")
        mining = replace(mining, output_format="n-tuple", output_scores=True)
    if mining.output_format not in FORMS:
        raise ArgumentError(f"output_format is {mining.output_format!r}; set it to one of: {', '.join(FORMS)}")
    if margin is not None:
        _log.warning("margin is deprecated; say absolute_margin=%s", margin)
        mining = replace(mining, absolute_margin=margin)
    return mining


def column_names(columns: Sequence[str], anchor: str | None, positive: str | None) -> tuple[str, str]:
    """Take the columns that are named, else the first two; a name that is not there is an error."""
    if len(columns) < 2 and not (anchor and positive):
        raise ArgumentError(f"the dataset has {len(columns)} columns; it needs one of anchors and one of positives")
    for name in (anchor, positive):
        if name and name not in columns:
            raise ArgumentError(f"the dataset has no column {name!r}; it has: {', '.join(columns)}")
    return anchor or columns[0], positive or columns[1]


def texts_of(values: Any, name: str) -> list[str]:  # noqa: ANN401 - a column of whatever library
    """List the texts of a column."""
    texts = list(values)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ArgumentError(f"row {row} of {name!r} holds {shown(text)}; give texts")
    return texts
