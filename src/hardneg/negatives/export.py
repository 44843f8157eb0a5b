"""Negatives in the shapes that other trainers read, as tables and as files."""

from pathlib import Path

import polars as pl

from hardneg.arguments import check_places, check_tables, check_texts
from hardneg.data.dataset import Dataset
from hardneg.data.given import check_dataset
from hardneg.errors import RecipeError, RunError
from hardneg.files import replacing
from hardneg.negatives.own import without_answers
from hardneg.place import nearest

FORMS = ("triplet", "n-tuple", "labeled-pair", "labeled-list")
SUFFIXES = (".jsonl", ".parquet")


def export(
    dataset: Dataset,
    negatives: pl.DataFrame,
    *,
    split: str,
    form: str,
    path: Path | str | None = None,
    scores: bool = False,
    ids: bool = False,
    n_negatives: int | None = None,
    found: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Write negatives in a form that sentence-transformers trains on, as `hardneg.export` describes it."""
    check_dataset(dataset, purpose="export")
    check_tables("export", ("query", "document"), optional=False, negatives=negatives)
    check_tables("export", ("query", "document"), found=found)
    check_texts("export", split=split, form=form)
    check_places("export", path=path)
    _check(form, path, n_negatives)
    query, positive = dataset.pairs_of(split)
    negatives, _ = without_answers(negatives, dataset)
    pairs = pl.DataFrame({"query": query, "positive": positive})
    if scores:
        check_scores(negatives.join(pairs, on="query", how="semi"))
    table = laid_out(dataset, pairs, negatives, form, scores=scores, ids=ids, width=n_negatives, found=found)
    if table.is_empty():
        raise RunError(
            f"no query of split {split!r} has enough negatives for a row: {negatives.height} negatives were given; "
            "mine for this split, loosen the filters, or ask for fewer negatives in a row"
        )
    if path is not None:
        with replacing(Path(path), sums=False) as temporary:
            if Path(path).suffix == ".parquet":
                table.write_parquet(temporary)
            else:
                table.write_ndjson(temporary)
    return table


def laid_out(
    dataset: Dataset,
    pairs: pl.DataFrame,
    negatives: pl.DataFrame,
    form: str,
    *,
    scores: bool,
    ids: bool,
    width: int | None,
    found: pl.DataFrame | None,
) -> pl.DataFrame:
    """Give positives (`query`, `positive`) and negatives, by positions, the shape and the texts of a form."""
    rows = _arranged(pairs, negatives, form, scores=scores, n_negatives=width)
    table = _with_texts(rows, dataset, ids=ids)
    return table.with_columns(_found_by(rows, found)) if ids and found is not None and found.height else table


def widths(dataset: Dataset, negatives: pl.DataFrame, *, split: str) -> pl.Series:
    """Count the negatives of each query that would have a row."""
    usable, _ = without_answers(negatives, dataset)
    queries = pl.DataFrame({"query": dataset.pairs_of(split)[0]})
    return usable.join(queries, on="query", how="semi").group_by("query").len()["len"]


def _check(form: str, path: Path | str | None, n_negatives: int | None) -> None:
    if form not in FORMS:
        raise RecipeError(f"export: form is {form!r}; {nearest(form, FORMS)}")
    if path is not None and Path(path).suffix not in SUFFIXES:
        raise RecipeError(f"export: cannot tell the format of {path}; end its name in {' or '.join(SUFFIXES)}")
    if n_negatives is not None and (form != "n-tuple" or n_negatives < 1):
        raise RecipeError(f"export: n_negatives is {n_negatives}; give 1 or more, and with the form n-tuple only")


def _arranged(
    pairs: pl.DataFrame, negatives: pl.DataFrame, form: str, *, scores: bool, n_negatives: int | None = None
) -> pl.DataFrame:
    """Lay out positives and negatives in a form."""
    usable = negatives.join(pairs, on="query", how="semi", maintain_order="left")
    pairs = pairs.join(negatives, on="query", how="semi", maintain_order="left")
    if form == "triplet":
        return _triplets(pairs, usable, scores=scores)
    if form == "n-tuple":
        return _tuples(pairs, usable, scores=scores, n_negatives=n_negatives)
    labelled = _labelled(pairs, usable, scores=scores)
    if form == "labeled-pair":
        return labelled
    plural = {"document": "documents", "label": "labels", "score": "scores"}
    return labelled.group_by("query", maintain_order=True).all().rename(plural, strict=False)


def _triplets(pairs: pl.DataFrame, negatives: pl.DataFrame, *, scores: bool) -> pl.DataFrame:
    rows = pairs.join(negatives, on="query", maintain_order="left_right").rename({"document": "negative"})
    both = [pl.concat_list("positive_score", "score").alias("scores")] if scores else []
    return rows.select("query", "positive", "negative", *both)


def _tuples(pairs: pl.DataFrame, negatives: pl.DataFrame, *, scores: bool, n_negatives: int | None) -> pl.DataFrame:
    scored = [pl.col("positive_score").head(1).append(pl.col("score")).alias("scores")] if scores else []
    lists = negatives.group_by("query", maintain_order=True).agg("document", *scored)
    lengths = lists["document"].list.len()
    width = int(lengths.to_numpy().max(initial=0)) if n_negatives is None else n_negatives
    short = lists.filter(lengths < width).height
    if short and n_negatives is None:
        raise RunError(uneven(short, lists.height, width))
    rows = pairs.join(lists.filter(lengths >= width), on="query", maintain_order="left")
    columns = [pl.col("document").list.get(at).alias(f"negative_{at + 1}") for at in range(width)]
    both = [pl.col("scores").list.head(width + 1)] if scores else []
    return rows.select("query", "positive", *columns, *both)


def _labelled(pairs: pl.DataFrame, negatives: pl.DataFrame, *, scores: bool) -> pl.DataFrame:
    """List each positive and then each negative of a query once."""
    value = "score" if scores else "label"
    if scores:
        weakest = negatives.select("query", score="positive_score").unique("query")
        pairs = pairs.join(weakest, on="query", maintain_order="left")
    else:
        zero = pl.lit(0, dtype=pl.Int64)
        pairs, negatives = pairs.with_columns(label=zero + 1), negatives.with_columns(label=zero)
    rows = pairs.select("query", "positive", value).rename({"positive": "document"})
    return pl.concat([rows, negatives.select(rows.columns)]).sort("query", maintain_order=True)


def uneven(n_short: int, n_queries: int, width: int) -> str:
    """Say that rows need equally many negatives, and what to do."""
    return (
        f"{n_short} of {n_queries} queries have fewer than {width} negatives, but n-tuples have equally "
        f"many: give n_negatives = {width} to leave them out or less to keep more, export as triplet or "
        'labeled-list, or mine with shortage = "fill_random"'
    )


def check_scores(negatives: pl.DataFrame) -> None:
    """Make sure that negatives have scores, of one scale within a query; a RunError says what to do."""
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


def _with_texts(rows: pl.DataFrame, dataset: Dataset, *, ids: bool) -> pl.DataFrame:
    """Put texts, and ids if asked for, in the place of positions."""
    columns = []
    for name, values in zip(rows.columns, rows.iter_columns(), strict=True):
        if name.startswith(("label", "score")):
            columns.append(values)
            continue
        texts, table = (
            (dataset.query_texts, dataset.queries) if name == "query" else (dataset.document_texts, dataset.documents)
        )
        columns.append(_gathered(texts, values).alias(name))
        if ids:
            columns.append(_gathered(table["id"], values).alias(f"{name}_id"))
    return pl.DataFrame(columns)


def _found_by(rows: pl.DataFrame, positives: pl.DataFrame) -> pl.Series:
    """Say of the positive of each row, or of each document of its list, who found it."""
    column = next(name for name in ("positive", "document", "documents") if name in rows.columns)
    pairs = rows.select(pl.int_range(pl.len()).alias("row"), "query", document=column)
    if column == "documents":
        pairs = pairs.explode("document")
    pairs, positives = (each.cast({"query": pl.Int32, "document": pl.Int32}) for each in (pairs, positives))
    finders = positives.select("query", "document", "found_by").unique(["query", "document"])
    named = pairs.join(finders, on=["query", "document"], how="left", maintain_order="left")
    if column != "documents":
        return named["found_by"]
    return named.group_by("row", maintain_order=True).agg("found_by")["found_by"]


def _gathered(values: pl.Series, positions: pl.Series) -> pl.Series:
    """Look positions up, in lists too."""
    if positions.dtype != pl.List:
        return values.gather(positions)
    flat = positions.explode()
    row = pl.int_range(len(positions), eager=True).repeat_by(positions.list.len()).explode()
    table = pl.DataFrame({"row": row, "value": values.gather(flat)})
    return table.group_by("row", maintain_order=True).agg("value")["value"]
