"""Runs and qrels as TREC text files, so that any other tool can check our numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from hardneg.checksums import checked
from hardneg.errors import RunError
from hardneg.files import replacing


def write_run(run: pl.DataFrame, path: Path, *, tag: str) -> None:
    """Write `query_id Q0 doc_id rank score tag`, with scores that strictly fall within each query.

    Tools sort a run file by score and break ties each in their own way, so equal scores are set apart by the
    smallest steps float32 has. White space in ids and tags, which the format cannot hold, becomes `%20`.
    """
    score = run["score"] if not run["score"].has_nulls() else -run["rank"]
    ranks, scores = run["rank"].to_numpy(), score.cast(pl.Float32).to_numpy()
    lines = run.select(
        _token("query_id"),
        pl.lit("Q0").alias("q0"),
        _token("doc_id"),
        "rank",
        pl.Series("score", [str(value) for value in strictly_falling(scores, ranks)], dtype=pl.String),
        _token(pl.lit(tag)).alias("tag"),
    )
    _write(lines, path)


def write_qrels(qrels: pl.DataFrame, path: Path) -> None:
    """Write `query_id 0 doc_id relevance`."""
    _write(qrels.select(_token("query_id"), pl.lit("0").alias("0"), _token("doc_id"), "relevance"), path)


def read_run(path: Path) -> pl.DataFrame:
    """Read what `write_run` wrote: `query_id`, `doc_id`, `rank` and `score`, ids as they stand there."""
    kinds = {"rank": pl.Int32, "score": pl.Float32}
    return _read(path, ["query_id", "q0", "doc_id", "rank", "score", "tag"], kinds)


def read_qrels(path: Path) -> pl.DataFrame:
    """Read what `write_qrels` wrote: `query_id`, `doc_id` and `relevance`, ids as they stand there."""
    return _read(path, ["query_id", "q0", "doc_id", "relevance"], {"relevance": pl.Int64})


def strictly_falling(
    score: Float32[np.ndarray, " rows"], rank: Int32[np.ndarray, " rows"]
) -> Float32[np.ndarray, " rows"]:
    """Lower scores as little as float32 allows until each is below the one before it in its query.

    >>> falling = strictly_falling(np.float32([0.5, 0.5, 0.1, 0.9]), np.int32([1, 2, 3, 1]))
    >>> bool(falling[1] < falling[0]), falling[[0, 2, 3]].tolist() == np.float32([0.5, 0.1, 0.9]).tolist()
    (True, True)
    """
    # The bits of a float, negative ones mirrored, number all floats in order: one less is the next lower one.
    steps = score.view(np.int32).astype(np.int64)
    steps = np.where(steps < 0, -(steps & 0x7FFFFFFF), steps)
    query = pl.Series(np.cumsum(np.diff(rank, prepend=np.iinfo(np.int32).max) <= 0))
    # step[i] = min(step[i], step[i-1] - 1), which is a running minimum once i is added to each.
    at = np.arange(len(steps))
    table = pl.DataFrame({"query": query, "step": steps + at})
    lowered = table.select(pl.col("step").cum_min().over("query"))["step"].to_numpy() - at
    bits = np.where(lowered < 0, -lowered | 0x80000000, lowered)
    return bits.astype(np.uint32).view(np.float32)


def _token(column: str | pl.Expr) -> pl.Expr:
    return (pl.col(column) if isinstance(column, str) else column).str.replace_all(r"\s", "%20")


def _write(lines: pl.DataFrame, path: Path) -> None:
    with replacing(path) as temporary:
        lines.write_csv(temporary, separator=" ", include_header=False, quote_style="never")


def _read(path: Path, columns: list[str], kinds: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    wanted = [pl.col("query_id"), pl.col("doc_id"), *(pl.col(name).cast(kind) for name, kind in kinds.items())]
    options: dict[str, Any] = {"separator": " ", "has_header": False, "infer_schema": False, "quote_char": None}
    try:
        text = checked(path).read_bytes()
        if not text:  # nothing was found for any query
            return pl.DataFrame(schema=dict.fromkeys(columns, pl.String)).select(wanted)
        return pl.read_csv(text, new_columns=columns, **options).select(wanted)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RunError(f"{path} cannot be read ({str(error).partition(chr(10))[0]}); measure again") from error
