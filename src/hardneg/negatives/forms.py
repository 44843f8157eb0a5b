"""Negatives in the shapes that trainers read, still as positions."""

import polars as pl

from hardneg.errors import RunError

FORMS = ("triplet", "n-tuple", "labeled-pair", "labeled-list")


def arrange(
    pairs: pl.DataFrame, negatives: pl.DataFrame, form: str, *, scores: bool, n_negatives: int | None = None
) -> pl.DataFrame:
    """Lay out positives and negatives in a form."""
    known = negatives.join(pairs, on="query", how="semi", maintain_order="left")
    pairs = pairs.join(negatives, on="query", how="semi", maintain_order="left")
    if scores:
        _check_scores(known)
    if form == "triplet":
        return _triplets(pairs, known, scores=scores)
    if form == "n-tuple":
        return _tuples(pairs, known, scores=scores, n_negatives=n_negatives)
    labelled = _labelled(pairs, known, scores=scores)
    if form == "labeled-pair":
        return labelled
    plural = {"document": "documents", "label": "labels", "score": "scores"}
    return labelled.group_by("query", maintain_order=True).all().rename(plural, strict=False)


def _triplets(pairs: pl.DataFrame, negatives: pl.DataFrame, *, scores: bool) -> pl.DataFrame:
    rows = pairs.join(negatives, on="query", maintain_order="left_right").rename({"document": "negative"})
    both = [pl.concat_list("positive_score", "score").alias("scores")] if scores else []
    return rows.select("query", "positive", "negative", *both)


def _tuples(pairs: pl.DataFrame, negatives: pl.DataFrame, *, scores: bool, n_negatives: int | None) -> pl.DataFrame:
    told = [pl.col("positive_score").head(1).append(pl.col("score")).alias("scores")] if scores else []
    lists = negatives.group_by("query", maintain_order=True).agg("document", *told)
    lengths = lists["document"].list.len()
    width = int(lengths.to_numpy().max(initial=0)) if n_negatives is None else n_negatives
    short = lists.filter(lengths < width).height
    if short and n_negatives is None:
        raise RunError(
            f"{short} of {lists.height} queries have fewer than {width} negatives, but n-tuples have equally "
            f"many: give n_negatives = {width} to leave them out or less to keep more, export as triplet or "
            'labeled-list, or mine with shortage = "fill_random"'
        )
    rows = pairs.join(lists.filter(lengths >= width), on="query", maintain_order="left")
    columns = [pl.col("document").list.get(at).alias(f"negative_{at + 1}") for at in range(width)]
    both = [pl.col("scores").list.head(width + 1)] if scores else []
    return rows.select("query", "positive", *columns, *both)


def _labelled(pairs: pl.DataFrame, negatives: pl.DataFrame, *, scores: bool) -> pl.DataFrame:
    """List each positive and then each negative of a query once."""
    if scores:
        weakest = negatives.select("query", score="positive_score").unique("query")
        positives = pairs.join(weakest, on="query", maintain_order="left")
        rows = (
            positives.select("query", "score", document="positive"),
            negatives.select("query", "score", "document"),
        )
    else:
        label = pl.lit(1, dtype=pl.Int64).alias("label")
        rows = (
            pairs.select("query", label, document="positive"),
            negatives.select("query", label - 1, "document"),
        )
    table = pl.concat(rows).sort("query", maintain_order=True)
    return table.select("query", "document", "score" if scores else "label")


def _check_scores(negatives: pl.DataFrame) -> None:
    lacking = [name for name in ("source", "score", "positive_score") if name not in negatives.columns]
    if lacking:
        raise RunError(f"the negatives have no column {lacking[0]!r}: export without scores, or mine with hardneg")
    missing = negatives.filter(pl.col("score").is_null() | pl.col("positive_score").is_null())
    remedy = 'select with score = "dense", or any source that scores all rows, or export without scores'
    if missing.height:
        sources = ", ".join(repr(name) for name in missing["source"].unique().sort())
        raise RunError(
            f"{missing.height} negatives, chosen by {sources}, lack a score of their own or of the positive: {remedy}"
        )
    if negatives.group_by("query").agg(pl.col("positive_score").n_unique())["positive_score"].gt(1).any():
        raise RunError(f"negatives of one query carry scores of several sources, which are not one scale: {remedy}")
