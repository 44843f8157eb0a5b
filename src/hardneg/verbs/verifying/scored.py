"""Whether scores of a teacher are of what was mined, and are what was said of them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from hardneg.checksums import is_damaged
from hardneg.data.dataset import Dataset
from hardneg.runs.joining import check_data
from hardneg.runs.parts import part_files, read_parts, read_table, scan_parts
from hardneg.runs.state import read_state
from hardneg.verbs.verifying.checks import Checked

_RECORD = ("teacher", "pairs", "positives", "squashed", "positive_mean", "other_mean")
_IDS = ["query_id", "doc_id"]


def is_scored(file: Path) -> bool:
    """Say whether a Parquet file holds scores of a teacher: its record lies beside it."""
    record = file.with_suffix(".json")
    return file.suffix == ".parquet" and record.exists() and b'"teacher"' in record.read_bytes()


def check_scored(file: Path, dataset: Dataset | None, *, where: str) -> Iterator[Checked]:
    """Check one file of scores."""
    if is_damaged(file):
        yield Checked("scores", where, "wrong", "the file is damaged")
        return
    record, table = read_state(file.with_suffix(".json"), keys=_RECORD), read_table(file)
    if dataset is not None:
        check_data(file, dataset, labels=False)
        read_parts(file, dataset)  # every id is one of its own
    scores, n_others = table["score"].to_numpy().astype(np.float64), record["pairs"] - record["positives"]
    means = record["positives"] * (record["positive_mean"] or 0.0) + n_others * (record["other_mean"] or 0.0)
    problems = {
        f"{table.height:,} pairs are there, and {record['pairs']:,} were scored": table.height != record["pairs"],
        "a pair stands twice": table.select(_IDS).is_duplicated().any(),
        "a score is no number": not np.isfinite(scores).all(),
        "scores leave the range from 0 to 1": record["squashed"] and bool(((scores < 0) | (scores > 1)).any()),
        "their means are not those that were written down": not np.isclose(scores.sum(), means, rtol=1e-6, atol=1e-6),
        "a pair was never mined, and is no answer": _strays(table, file.parents[1], dataset),
    }
    problem = next((text for text, holds in problems.items() if holds), None)
    if problem is not None:
        yield Checked("scores", where, "wrong", problem)
    else:
        yield Checked("scores", where, "fine", f"{table.height:,} pairs, scored by {record['teacher']}")


def _strays(table: pl.DataFrame, run: Path, dataset: Dataset | None) -> bool:
    """Say whether some pair is neither among what a run mined nor an answer; of a file that lies in no run never."""
    mined = [run / name for name in ("candidates", "negatives") if part_files(run / name)]
    if dataset is None or not mined:
        return False
    pairs = pl.concat([scan_parts(place).select(_IDS) for place in mined]).collect()
    others = dataset.positions(table.join(pairs, on=_IDS, how="anti"))
    return not dataset.is_answer(others["query"].to_numpy(), others["document"].to_numpy()).all()
