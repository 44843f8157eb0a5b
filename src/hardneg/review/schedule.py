"""In which order pairs are judged: the likeliest answers first, with a random sample of all negatives between them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from hardneg.audits.sampled import draw
from hardneg.audits.verdict_store import ORDERS, Settings
from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.filters.columns import suffixes
from hardneg.planting.planting import id_keys
from hardneg.randomness import uniform
from hardneg.runs.parts import part_files, read_negatives, readable, scan_parts

_SHARED = 7
_SUSPECTS_PER_DRAW = 2


def schedule(negatives: pl.DataFrame, dataset: Dataset, settings: Settings) -> tuple[pl.DataFrame, Settings]:
    """Lay out what is to be judged: two suspects, one pair of the sample, and so on.

    `suspect` and `draw` are a pair's places among the suspects and in the draw, null if it is none.
    """
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
    pairs = dataset.with_ids(pairs)
    hashed = [id_keys(pairs[name], np.arange(pairs.height, dtype=np.int32)) for name in ("query_id", "doc_id")]
    pairs = pairs.with_columns(shared=pl.Series(uniform(settings.seed, _SHARED, *hashed) < settings.overlap))
    columns = ("query_id", "doc_id", pl.col("suspect", "draw").cast(pl.Int64), "shared")
    return pairs.select(columns), replace(settings, order=order)


def read_reviewable(run: Path, dataset: Dataset) -> pl.DataFrame:
    """Read the negatives of a run that no label judges, with all that is known of each."""
    negatives = read_negatives(run, dataset, allow_other_data=True).with_columns(pl.col("query").cast(pl.Int32))
    query, document = negatives["query"].to_numpy(), negatives["document"].to_numpy()
    labelled = dataset.judged_negatives.contains(query, document) | dataset.is_answer(query, document)
    negatives = negatives.filter(pl.Series(~labelled))
    if negatives.is_empty():
        raise RunError(f"{run} has no negative that no label judges, so there is nothing to review")
    ids = dataset.with_ids(negatives.select("query", "document"))
    return _with_candidates(pl.concat([negatives, ids], how="horizontal"), run)


def in_suspicion(negatives: pl.DataFrame, order: str | None = None) -> tuple[pl.DataFrame, str]:
    """Put negatives in order, the likeliest answers first."""
    values = {name: _suspicion(negatives, name) for name in ORDERS}
    orders = [name for name, value in values.items() if value is not None and value.count()]
    if not orders:
        raise RunError("these negatives have neither ranks nor scores to order them by; mine them with hardneg")
    chosen = order or orders[0]
    if chosen not in orders:
        raise RunError(f"nothing is known of {chosen!r} in this run; order by {' or '.join(orders)}")
    ordered = negatives.with_columns(suspicion=values[chosen])
    keys = ["suspicion", "query_id", "doc_id"]
    return ordered.sort(keys, descending=[True, False, False], nulls_last=True), chosen


def _suspicion(negatives: pl.DataFrame, order: str) -> pl.Series | None:
    named = {"p_positive": "p_positive", "teacher": "teacher_score"}
    if order in named:
        return negatives[named[order]].cast(pl.Float64) if named[order] in negatives.columns else None
    if order == "disagreement":
        ranks = [pl.col(f"rank.{name}") for name in suffixes(negatives, "rank")]
        if len(ranks) < 2:
            return None
        # What one source puts at the top and another does not find: found by meaning without the words, or the reverse.
        height = [(1 / (rank.cast(pl.Float64) + 1).log(2)).fill_null(0.0) for rank in ranks]
        return negatives.select(pl.max_horizontal(height) - pl.min_horizontal(height)).to_series()
    if not {"score", "positive_score"} <= set(negatives.columns):
        return None
    above = (pl.col("score") - pl.col("positive_score")) / pl.col("positive_score").abs()
    value = negatives.select(above.cast(pl.Float64)).to_series()
    return value.set(~value.is_finite().fill_null(value=False), None)


def _with_candidates(negatives: pl.DataFrame, run: Path) -> pl.DataFrame:
    folder = run / "candidates"
    if not part_files(folder):
        return negatives
    candidates = scan_parts(folder)
    columns = [name for name in candidates.collect_schema() if name.startswith(("rank.", "score."))]
    keys = ["query_id", "doc_id"]
    rows = candidates.select(*keys, *columns).join(negatives.lazy().select(keys), on=keys, how="semi")
    with readable(folder):
        return negatives.join(rows.unique(keys).collect(), on=keys, how="left", maintain_order="left")
