"""Answers found while mining: written down with who found them, and used as labels where the recipe says so."""

from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.files import replacing
from hardneg.runs import layout
from hardneg.runs.joining import check_data
from hardneg.runs.parts import read_parts, scan_parts
from hardneg.runs.state import read_state

_FILE = layout.FOUND
KNOWN = {"found_by": pl.String, "teacher_score": pl.Float32, "p_positive": pl.Float32}


def found_answers(candidates: pl.LazyFrame, *, keys: tuple[str, str] = ("query", "document")) -> pl.LazyFrame:
    """List the candidates that a filter with `relabel` takes for answers.

    Args:
        candidates: As `apply_filters` returns them, or their table on disk.
        keys: The columns that name query and document.

    Returns:
        The keys, `found_by`, `teacher_score` and `p_positive`; no row if no filter relabels.
    """
    there = candidates.collect_schema()
    columns = [
        (pl.col(name) if name in there else pl.lit(None)).cast(dtype).alias(name) for name, dtype in KNOWN.items()
    ]
    return candidates.select(*keys, *columns).filter(pl.col("found_by").is_not_null())


def write_found(folder: Path, more: pl.DataFrame | None = None) -> None:
    """Collect the found answers of a run's candidates in one file; none is written if nothing looks for any.

    Args:
        folder: The run.
        more: Answers that were known before, by ids, with the same columns.
    """
    candidates = scan_parts(folder / "candidates")
    tables = [] if more is None else [more]
    if "found_by" in candidates.collect_schema():
        tables.append(found_answers(candidates, keys=("query_id", "doc_id")).collect())
    if tables:
        with replacing(folder / _FILE) as temporary:
            pl.concat(tables).write_parquet(temporary)


def read_found(folder: Path, dataset: Dataset) -> pl.DataFrame:
    """Read the found answers of a run folder.

    Args:
        folder: The run.
        dataset: The dataset that was mined.

    Returns:
        Columns `query`, `document` (positions), `found_by`, `teacher_score`, `p_positive`; no row if there is no file.

    Raises:
        RunError: The file is damaged or of another dataset.
    """
    if (folder / _FILE).exists():
        return read_parts(folder / _FILE, dataset)
    return pl.DataFrame(schema={"query": pl.Int32, "document": pl.Int32, **KNOWN})


def found_of(negatives: Path, dataset: Dataset, *, split: str) -> pl.DataFrame:
    """Read the found answers that come with mined negatives, as far as they are of one split.

    Args:
        negatives: The run. Of anything else, such as its `negatives/`, nothing is found.
        dataset: The dataset that was mined.
        split: Answers were found for the queries of the split that was mined; of other splits there are none.

    Returns:
        As for `read_found`.

    Raises:
        RunError: The file is damaged or of another dataset.
    """
    check_data(negatives, dataset, labels=False)
    found = read_found(negatives, dataset)
    mined = read_state(negatives / layout.MINING, keys=("split",)) if found.height else {}
    return found if mined.get("split", split) == split else found.clear()


def with_found(dataset: Dataset, found: pl.DataFrame, *, split: str) -> Dataset:
    """Take found answers for positives of a split.

    Args:
        dataset: The dataset as labelled.
        found: Columns `query` and `document`.
        split: Split to which the new labels belong.

    Returns:
        A dataset with the same texts and a label more for each found answer; the same object if there is none.
    """
    if found.is_empty():
        return dataset
    new = found.select("query", "document", relevance=pl.lit(1), split=pl.lit(split))
    return dataset.with_labels(pl.concat([dataset.qrels, new], how="vertical_relaxed"))
