"""Which negatives are most likely answers: an order in which to look at them."""

from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.filters.columns import suffixes
from hardneg.runs.parts import part_files, read_negatives, readable, scan_parts, with_ids

ORDERS = ("p_positive", "teacher", "disagreement", "score")


def read_reviewable(run: Path, dataset: Dataset) -> pl.DataFrame:
    """Read the negatives of a run that no label judges, with all that is known of each."""
    negatives = read_negatives(run, dataset, allow_other_data=True).with_columns(pl.col("query").cast(pl.Int32))
    query, document = negatives["query"].to_numpy(), negatives["document"].to_numpy()
    labelled = dataset.judged_negatives.contains(query, document) | dataset.is_answer(query, document)
    negatives = negatives.filter(pl.Series(~labelled))
    if negatives.is_empty():
        raise RunError(f"{run} has no negative that no label judges, so there is nothing to review")
    ids = with_ids(negatives.select("query", "document"), dataset)
    return _with_candidates(pl.concat([negatives, ids], how="horizontal"), run)


def in_suspicion(negatives: pl.DataFrame, order: str | None = None) -> tuple[pl.DataFrame, str]:
    """Put negatives in order, the likeliest answers first."""
    values = {name: _suspicion(negatives, name) for name in ORDERS}
    known = [name for name, value in values.items() if value is not None and value.count()]
    if not known:
        raise RunError("these negatives have neither ranks nor scores to order them by; mine them with hardneg")
    chosen = order or known[0]
    if chosen not in known:
        raise RunError(f"nothing is known of {chosen!r} in this run; order by {' or '.join(known)}")
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
    known = [name for name in candidates.collect_schema() if name.startswith(("rank.", "score."))]
    keys = ["query_id", "doc_id"]
    told = candidates.select(*keys, *known).join(negatives.lazy().select(keys), on=keys, how="semi")
    with readable(folder):
        return negatives.join(told.unique(keys).collect(), on=keys, how="left", maintain_order="left")
