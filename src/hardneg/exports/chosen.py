"""What of mined negatives is exported, and what is left out for which reason."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.negatives.export import check_scores, uneven
from hardneg.negatives.own import without_answers

_POSITIONS = {"query": pl.Int32, "document": pl.Int32}


@dataclass(frozen=True, eq=False)
class Chosen:
    """Positives and negatives, both ordered by query."""

    dataset: Dataset
    split: str  # whose labels the positives are
    pairs: pl.DataFrame  # `query` and `positive`, of queries that have negatives alone
    negatives: pl.DataFrame
    width: int | None  # negatives of a row, where all have equally many
    scores: bool
    ids: bool  # where a form has them on request
    found: pl.DataFrame | None  # positives that mining found, with who found them
    left_out: Mapping[str, int]  # what is not written, counted by its reason


def choose(
    dataset: Dataset,
    negatives: pl.DataFrame,
    *,
    split: str,
    scores: bool,
    ids: bool,
    even: bool,
    n_negatives: int | None,
    found: pl.DataFrame | None,
    n_answers: int = 0,
) -> Chosen:
    """Take the negatives of a split's queries, as many for each as the form wants."""
    query, positive = dataset.pairs_of(split)
    pairs = pl.DataFrame({"query": query, "positive": positive})
    usable, n_more = without_answers(negatives.cast(_POSITIONS), dataset)  # type: ignore[arg-type]
    inside = usable.join(pairs, on="query", how="semi").sort("query", maintain_order=True)
    if scores:
        check_scores(inside)
    lengths = inside.group_by("query", maintain_order=True).len("n")
    left_out = {
        "negatives that answer their query by a label": n_answers + n_more,
        f"negatives of queries without a positive in split {split!r}": usable.height - inside.height,
        "queries without a negative": int(np.unique(query).size) - lengths.height,
    }
    width = n_negatives if n_negatives is not None or not even else int(lengths["n"].to_numpy().max(initial=0))
    if width is not None:
        short = lengths.filter(pl.col("n") < width)
        if short.height and n_negatives is None:
            raise RunError(uneven(short.height, lengths.height, width))
        full = inside.join(short, on="query", how="anti", maintain_order="left")
        cut = full.filter(pl.int_range(pl.len()).over("query") < width)
        left_out[f"queries with fewer than {width} negatives"] = short.height
        left_out[f"negatives after the first {width} of a query"] = full.height - cut.height
        inside = cut
    if inside.is_empty():
        raise RunError(
            f"no query of split {split!r} has enough negatives for a row: {negatives.height} negatives were given; "
            "mine for this split, loosen the filters, or ask for fewer negatives in a row"
        )
    pairs = pairs.join(inside, on="query", how="semi", maintain_order="left")
    return Chosen(dataset, split, pairs, inside, width, scores, ids, found, left_out)
