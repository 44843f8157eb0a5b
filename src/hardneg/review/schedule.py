"""In which order pairs are judged: suspects, with a random sample of all negatives between them."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from hardneg.audits.sampled import draw
from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.planting.planting import id_keys
from hardneg.randomness import uniform
from hardneg.review.suspects import in_suspicion

_SHARED = 7
_SUSPECTS_PER_DRAW = 2

SCHEDULE_SCHEMA = {
    "query_id": pl.String,
    "doc_id": pl.String,
    "suspect": pl.Int64,
    "draw": pl.Int64,
    "shared": pl.Boolean,
}


@dataclass(frozen=True)
class Settings:
    """What decides which pairs are judged, and in which order."""

    order: str | None = None
    suspects: int = 1_000
    sample: int = 400
    overlap: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.overlap <= 1:
            raise RunError(f"review: --overlap is {self.overlap}; set it to 0 or more and at most 1, say 0.2")
        if self.suspects + self.sample == 0:
            raise RunError("review: neither suspects nor a sample are to be judged; raise --suspects or --sample")

    def as_dict(self) -> dict[str, Any]:
        """The values by name."""
        return asdict(self)


def schedule(negatives: pl.DataFrame, dataset: Dataset, settings: Settings) -> tuple[pl.DataFrame, Settings]:
    """Lay out what is to be judged: two suspects, one pair of the sample, and so on."""
    ordered, order = in_suspicion(negatives, settings.order)
    suspects = ordered.head(settings.suspects).select("query", "document").with_row_index("suspect")
    drawn = draw(negatives, dataset, settings.sample, seed=settings.seed).with_row_index("draw")
    places = pl.concat(
        [
            suspects.select("query", "document", place=pl.col("suspect") * 3.0 / _SUSPECTS_PER_DRAW),
            drawn.select("query", "document", place=pl.col("draw") * 3.0 + 1.9),
        ]
    )
    keys = ["query", "document"]
    pairs = places.group_by(keys).agg(pl.col("place").min()).sort("place", *keys)
    pairs = pairs.join(suspects, on=keys, how="left").join(drawn, on=keys, how="left").sort("place", *keys)
    ids = [
        table["id"].gather(pairs[name]) for table, name in ((dataset.queries, "query"), (dataset.documents, "document"))
    ]
    hashed = [id_keys(table, np.arange(pairs.height, dtype=np.int32)) for table in ids]
    shared = pl.Series(uniform(settings.seed, _SHARED, *hashed) < settings.overlap)
    columns = {"query_id": ids[0], "doc_id": ids[1], "suspect": pairs["suspect"], "draw": pairs["draw"]}
    return pl.DataFrame({**columns, "shared": shared}, schema=SCHEDULE_SCHEMA), replace(settings, order=order)
