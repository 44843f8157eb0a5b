"""Verdicts wherever they are: in a file that was filled in, the database of a review, or a run that was reviewed."""

from pathlib import Path

import polars as pl

from hardneg.audits.verdict_files import SUFFIXES, VERDICTS_SCHEMA, read_verdict_file, write_verdict_file
from hardneg.audits.verdict_store import SUFFIX, Store, database_of, decided, opened
from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.runs.joining import check_data, check_written
from hardneg.runs.parts import with_positions


def holds_verdicts(path: Path) -> bool:
    """Say whether `read_judged` reads what has such a name."""
    return path.suffix in (*SUFFIXES, SUFFIX) or path.is_dir()


def read_judged(path: Path, dataset: Dataset) -> pl.DataFrame:
    """Read verdicts from wherever they are.

    Args:
        path: A file of verdicts (`.csv`, `.jsonl`), the database of a review (`.sqlite`), or a run that was reviewed.
        dataset: Whose ids they name.

    Returns:
        Columns `query`, `document`, `answer` (null where nobody is sure) and `drawn`.

    Raises:
        RunError: The run was not reviewed, or the review is of a dataset with other texts.
        DatasetError: The file is broken.
    """
    database = database_of(path) if path.is_dir() else path
    if database.suffix != SUFFIX:
        return read_verdict_file(path, dataset)
    if not database.exists():
        raise RunError(
            f"{path} holds no verdicts; judge some with `hardneg review` first, or name a .csv or .jsonl file"
        )
    with opened(database) as store:
        if store.data():
            check_written(store.data(), dataset, where=database, labels=False)
        else:
            check_data(database, dataset, labels=False)
        return with_positions(_judged(store), dataset, database).select(VERDICTS_SCHEMA.keys())


def export_verdicts(store: Store, dataset: Dataset, path: Path) -> int:
    """Write what somebody judged to a file that `hardneg audit sample --read` and `hardneg mine --verdicts` take."""
    rows = with_positions(_judged(store), dataset, store.path)
    word = pl.col("answer").replace_strict({True: "yes", False: "no"}, default="", return_dtype=pl.String)
    drawn = pl.when("drawn").then(pl.lit("yes")).otherwise(pl.lit("no"))
    columns = ("query", "document", "answer", "drawn", "yes", "no", "unsure")
    write_verdict_file(rows.with_columns(answer=word, drawn=drawn).select(columns), dataset, path)
    return rows.height


def _judged(store: Store) -> pl.DataFrame:
    return decided(store.pairs(), store.votes()).filter(pl.col("n_votes") > 0)
