"""How a table of negatives is served to the rows: in turn, as a curriculum asks, or until replaced."""

import polars as pl

from hardneg.errors import RunError
from hardneg.training.sampling.batches import MinedNegatives, Negatives
from hardneg.training.sampling.graded import GradedNegatives, check_graded
from hardneg.training.sampling.replaced import ReplacedNegatives
from hardneg.training.settings import TrainSettings


def check_table(table: pl.DataFrame | None, settings: TrainSettings) -> None:
    """Make sure that a table of negatives has what the settings want to do with it."""
    for name in ("curriculum", "replacement"):
        if table is None and getattr(settings, name) is not None:
            raise RunError(f"a {name} needs mined negatives; mine some, or train without it")
    if table is not None and settings.curriculum is not None:
        check_graded(table, settings.curriculum)


def serve(table: pl.DataFrame | None, settings: TrainSettings, *, n_queries: int) -> Negatives:
    """Make ready a table of negatives for drawing."""
    per_row = settings.negatives_per_row
    if table is not None and settings.replacement is not None and per_row is not None:
        return ReplacedNegatives(table, settings.replacement, per_row=per_row, n_queries=n_queries)
    if table is None or settings.curriculum is None:
        return MinedNegatives(table, n_queries=n_queries)
    return GradedNegatives(table, settings.curriculum, n_queries=n_queries).at(0.0)
