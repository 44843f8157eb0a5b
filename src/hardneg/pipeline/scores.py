"""Teacher scores of what was mined, on disk: one file a teacher, and beside it who made it."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError, RunError
from hardneg.files import write_json
from hardneg.runs.joining import check_data
from hardneg.runs.parts import read_parts, write_part
from hardneg.runs.state import read_state
from hardneg.scoring.protocol import Fingerprinted, Scorer
from hardneg.scoring.store import score_table

_FOLDER = "scores"


@dataclass(frozen=True)
class Scored:
    """The scores of one teacher."""

    path: Path
    teacher: str
    pairs: int
    positives: int
    squashed: bool
    positive_mean: float | None
    other_mean: float | None
    seconds: float


def pairs_to_score(dataset: Dataset, mined: pl.DataFrame, *, split: str) -> pl.DataFrame:
    """List what distillation needs scores of: mined pairs, and the positives of their queries.

    Args:
        dataset: The labels.
        mined: Columns `query` and `document`: negatives, or all candidates.
        split: Whose positives are listed.

    Returns:
        Columns `query`, `document`, `positive`, ordered by query, then document, without repeats.

    Raises:
        DatasetError: The split does not exist or has no positive.
        RunError: There is no mined pair.
    """
    if mined.is_empty():
        raise RunError("there is nothing to score: no negative was mined")
    query, document = dataset.pairs_of(split)
    positives = pl.DataFrame({"query": query, "document": document}, schema={"query": pl.Int32, "document": pl.Int32})
    positives = positives.join(mined.select(pl.col("query").cast(pl.Int32)), on="query", how="semi")
    both = pl.concat(
        [
            positives.with_columns(positive=pl.lit(True)),
            mined.select(pl.col("query", "document").cast(pl.Int32), positive=pl.lit(False)),
        ]
    )
    return both.unique(["query", "document"], keep="first", maintain_order=True).sort("query", "document")


def score_pairs(dataset: Dataset, pairs: pl.DataFrame, scorer: Scorer, *, out: Path) -> Scored:
    """Have a teacher score pairs and write its scores down.

    Scores are kept as they are made: interrupted and called again, it goes on where it stopped.

    Args:
        dataset: Where the texts are.
        pairs: As `pairs_to_score` lists them.
        scorer: The teacher.
        out: The file to write; what the same scorer wrote there before is replaced.

    Returns:
        Where the scores are, and what they are like.

    Raises:
        RunError: The file holds scores of another scorer.
        RecipeError: The scorer gave something else than one finite number a pair.
    """
    identity = {
        "scorer": repr(scorer),
        "fingerprint": scorer.fingerprint() if isinstance(scorer, Fingerprinted) else None,
    }
    _claim(out, identity)
    started = time.perf_counter()
    table = score_table(scorer, dataset, pairs)
    seconds = time.perf_counter() - started
    result = Scored(
        path=out,
        teacher=scorer.name,
        pairs=table.height,
        positives=int(pairs["positive"].sum()),
        squashed=table["squashed"][0],
        positive_mean=_mean(table.filter(pairs["positive"])),
        other_mean=_mean(table.filter(~pairs["positive"])),
        seconds=round(seconds, 3),
    )
    _record(out, identity | asdict(result) | {"path": out.name, "texts": dataset.texts_fingerprint})
    write_part(table, dataset, out)  # the last: a file of scores always has its record
    return result


def scores_file(folder: Path, scorer: Scorer) -> Path:
    """Name the file for a scorer's scores inside a run; a RecipeError if its name cannot name one."""
    if Path(scorer.name).name != scorer.name or scorer.name.startswith("."):
        raise RecipeError(f"the scorer's name {scorer.name!r} cannot name a file; give it another 'name'")
    return folder / _FOLDER / f"{scorer.name}.parquet"


def check_names(scorers: Sequence[Scorer]) -> None:
    """Make sure that no two teachers would write the same file; a RecipeError names them."""
    names = [scorer.name for scorer in scorers]
    if len(set(names)) < len(names):
        raise RecipeError(f"teachers: two share a name ({', '.join(names)}); give one another 'name'")


def read_scores(path: Path, dataset: Dataset) -> pl.DataFrame:
    """Read teacher scores from a run folder, from its `scores/`, or from one Parquet file.

    Scores are of texts, so labels may have changed since. A file without its record (`.json` beside it) that lies in no
    run does not say which texts: of such a file only the ids are checked.

    Args:
        path: One of these three; of a folder, the scores of all its teachers are read.
        dataset: The dataset that was mined.

    Returns:
        The scores table, with positions `query` and `document` in place of ids.

    Raises:
        RunError: Nothing is there, it cannot be read, an id is not of this dataset, or the scores are of other texts.
    """
    folder = path / _FOLDER if (path / _FOLDER).is_dir() else path
    files = sorted(folder.glob("*.parquet")) if folder.is_dir() else [path]
    if not files or not files[0].exists():
        raise RunError(f"{path} holds no teacher scores; make them: hardneg score DATASET --negatives RUN --scorer …")
    for file in files:
        check_data(file, dataset, labels=False)
    return pl.concat([read_parts(file, dataset) for file in files], how="diagonal_relaxed")


def read_record(file: Path) -> dict[str, Any]:
    """Read what was written beside a file of scores: who made them, and the fields of `Scored`."""
    return read_state(_record_path(file), keys=("scorer", "fingerprint"))


def _mean(table: pl.DataFrame) -> float | None:
    return None if table.is_empty() else float(table["score"].cast(pl.Float64).to_numpy().mean())


def _claim(out: Path, identity: dict[str, Any]) -> None:
    before = read_record(out)
    by = "fingerprint" if identity["fingerprint"] else "scorer"  # another device or name is the same teacher
    if (before and before[by] != identity[by]) or (not before and out.exists()):
        maker = before.get("scorer", "something else")
        raise RunError(
            f'{out} holds the scores of {maker}; give this scorer another name (name="…"), write to another file '
            "with -o, or delete that one"
        )


def _record(out: Path, found: dict[str, Any]) -> None:
    write_json(_record_path(out), found)


def _record_path(file: Path) -> Path:
    return file.with_suffix(".json")
