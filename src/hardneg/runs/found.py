"""Answers found while mining: written down with who found them, and used as labels where the recipe says so."""

from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.files import replacing
from hardneg.runs import layout
from hardneg.runs.joining import check_data
from hardneg.runs.parts import read_parts, scan_parts
from hardneg.runs.state import read_state

KNOWN = {"found_by": pl.String, "teacher_score": pl.Float32, "p_positive": pl.Float32}


def found_answers(candidates: pl.LazyFrame, *, keys: tuple[str, str] = ("query", "document")) -> pl.LazyFrame:
    """List the candidates that a filter with `relabel` takes for answers."""
    there = candidates.collect_schema()
    columns = [
        (pl.col(name) if name in there else pl.lit(None)).cast(dtype).alias(name) for name, dtype in KNOWN.items()
    ]
    return candidates.select(*keys, *columns).filter(pl.col("found_by").is_not_null())


def write_found(folder: Path, more: pl.DataFrame | None = None) -> None:
    """Collect the found answers of a run's candidates in one file; none is written if nothing looks for any.

    `more` are answers that were known before, by ids.
    """
    candidates = scan_parts(folder / "candidates")
    tables = [] if more is None else [more]
    if "found_by" in candidates.collect_schema():
        tables.append(found_answers(candidates, keys=("query_id", "doc_id")).collect())
    if tables:
        with replacing(folder / layout.FOUND) as temporary:
            pl.concat(tables).write_parquet(temporary)


def read_found(folder: Path, dataset: Dataset) -> pl.DataFrame:
    """Read the found answers of a run folder."""
    if (folder / layout.FOUND).exists():
        return read_parts(folder / layout.FOUND, dataset)
    return pl.DataFrame(schema={"query": pl.Int32, "document": pl.Int32, **KNOWN})


def found_of(negatives: Path, dataset: Dataset, *, split: str) -> pl.DataFrame:
    """Read the found answers that come with mined negatives, as far as they are of one split.

    `negatives` is a run: of anything else, such as its folder `negatives/`, nothing is found.
    """
    check_data(negatives, dataset, labels=False)
    positives = read_found(negatives, dataset)
    mined = read_state(negatives / layout.MINING, keys=("split",)) if positives.height else {}
    return positives if mined.get("split", split) == split else positives.clear()


def with_found(dataset: Dataset, found: pl.DataFrame, *, split: str) -> Dataset:
    """Take found answers for positives of a split."""
    if found.is_empty():
        return dataset
    new = found.select("query", "document", relevance=pl.lit(1), split=pl.lit(split))
    return dataset.with_labels(pl.concat([dataset.qrels, new], how="vertical_relaxed"))
