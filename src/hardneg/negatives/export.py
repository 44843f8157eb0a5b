"""Negatives as files for other trainers."""

from pathlib import Path

import polars as pl

from hardneg.arguments import check_places, check_tables, check_texts
from hardneg.data.dataset import Dataset
from hardneg.data.given import check_dataset
from hardneg.errors import RecipeError, RunError
from hardneg.files import replacing
from hardneg.negatives.forms import FORMS, arrange
from hardneg.negatives.own import without_answers

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
    rows = arrange(pairs, negatives, form, scores=scores, n_negatives=n_negatives)
    if rows.is_empty():
        raise RunError(
            f"no query of split {split!r} has enough negatives for a row: {negatives.height} negatives were given; "
            "mine for this split, loosen the filters, or ask for fewer negatives in a row"
        )
    table = _with_texts(rows, dataset, ids=ids)
    if ids and found is not None and found.height:
        table = table.with_columns(_found_by(rows, found))
    if path is not None:
        with replacing(Path(path)) as temporary:
            if Path(path).suffix == ".parquet":
                table.write_parquet(temporary)
            else:
                table.write_ndjson(temporary)
    return table


def _with_texts(rows: pl.DataFrame, dataset: Dataset, *, ids: bool) -> pl.DataFrame:
    """Put texts, and ids if asked for, in the place of positions."""
    columns = []
    for name, values in zip(rows.columns, rows.iter_columns(), strict=True):
        if name.startswith(("label", "score")):
            columns.append(values)
            continue
        texts, known = (
            (dataset.query_texts, dataset.queries["id"])
            if name == "query"
            else (dataset.document_texts, dataset.documents["id"])
        )
        columns.append(_gathered(texts, values).alias(name))
        if ids:
            columns.append(_gathered(known, values).alias(f"{name}_id"))
    return pl.DataFrame(columns)


def _found_by(rows: pl.DataFrame, found: pl.DataFrame) -> pl.Series:
    """Say of the positive of each row, or of each document of its list, who found it."""
    column = next(name for name in ("positive", "document", "documents") if name in rows.columns)
    pairs = rows.select(pl.int_range(pl.len()).alias("row"), "query", document=column)
    if column == "documents":
        pairs = pairs.explode("document")
    known = found.select(pl.col("query", "document").cast(pl.Int32), "found_by").unique(["query", "document"])
    named = pairs.cast({"query": pl.Int32, "document": pl.Int32}).join(
        known, on=["query", "document"], how="left", maintain_order="left"
    )
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


def _check(form: str, path: Path | str | None, n_negatives: int | None) -> None:
    if form not in FORMS:
        raise RecipeError(f"export: form is {form!r}; set it to one of: {', '.join(FORMS)}")
    if path is not None and Path(path).suffix not in SUFFIXES:
        raise RecipeError(f"export: cannot tell the format of {path}; end its name in {' or '.join(SUFFIXES)}")
    if n_negatives is not None and (form != "n-tuple" or n_negatives < 1):
        raise RecipeError(f"export: n_negatives is {n_negatives}; give 1 or more, and with the form n-tuple only")
