"""A teacher's scores of pairs, and their way into the score matrix."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import torch
from jaxtyping import Float32, Int32, Int64

from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.errors import RunError
from hardneg.losses.score_matrix import ScoreMatrix
from hardneg.training.masks import Cells
from hardneg.training.sampling.batches import check_positions

_TEACHER = "teacher"  # of a table without such a column


@dataclass(frozen=True, eq=False)
class TeacherScores:
    """What one teacher, or several on average, said of pairs of texts."""

    pairs: PairSet  # text groups of queries and of documents
    score: Float32[np.ndarray, " pairs"]
    squashed: bool  # between 0 and 1, as after a sigmoid; else raw

    @classmethod
    def from_table(cls, table: pl.DataFrame, dataset: Dataset) -> "TeacherScores":
        """Gather scores by text and average them over the teachers.

        The average is the plain mean of the scores as they are, over the pairs that every teacher scored: a mean over
        some of them would compare pairs on different scales. Without a column `squashed`, a teacher is taken for
        squashed if all its scores lie in [0, 1]. Of rows that repeat a teacher's pair, the first counts.
        """
        _check_table(table, dataset)
        named = pl.col("teacher") if "teacher" in table.columns else pl.lit(_TEACHER)
        flag = pl.col("squashed") if "squashed" in table.columns else pl.lit(None)
        rows = table.select(
            pl.Series("query", dataset.query_text_group[table["query"].to_numpy()]),
            pl.Series("document", dataset.text_group[table["document"].to_numpy()]),
            named.alias("teacher"),
            flag.cast(pl.Boolean).alias("squashed"),
            pl.col("score").cast(pl.Float32),
        )
        squashed = _agreed(rows)
        rows = rows.unique(["query", "document", "teacher"], keep="first", maintain_order=True)
        means = (
            rows.sort("query", "document", "teacher")
            .group_by("query", "document", maintain_order=True)
            .agg(pl.col("score").cast(pl.Float64).mean(), n=pl.len())
            .filter(pl.col("n") == rows["teacher"].n_unique())
        )
        width = int(dataset.text_group.max()) + 1
        pairs = PairSet.build(means["query"].to_numpy(), means["document"].to_numpy(), width=width)
        return cls(pairs, means["score"].to_numpy().astype(np.float32), squashed)

    @property
    def fingerprint(self) -> str:
        """Hash of all pairs and scores."""
        state = hashlib.blake2b(self.pairs.keys.astype("<i8").tobytes(), digest_size=16)
        state.update(self.score.astype("<f4").tobytes())
        return state.hexdigest()

    def of(
        self, dataset: Dataset, query: Int32[np.ndarray, " rows"], document: Int32[np.ndarray, " pool"]
    ) -> Float32[np.ndarray, "rows pool"]:
        """Look up the scores of all cells of a score matrix, at the cost of the scored pairs only."""
        queries, first_row, row = _distinct(dataset.query_text_group[query])
        groups, first_column, column = _distinct(dataset.text_group[document])
        owner, group = self.pairs.among(queries)
        there = np.isin(group, groups)
        owner, group = owner[there], group[there]
        at = np.searchsorted(self.pairs.keys, owner.astype(np.int64) * self.pairs.width + group)
        cells = np.full((len(query), len(document)), np.nan, dtype=np.float32)
        cells[first_row[np.searchsorted(queries, owner)], first_column[np.searchsorted(groups, group)]] = self.score[at]
        # Copies of a text are rare, and copying the cells of a large batch is dear.
        cells = cells if len(queries) == len(query) else cells[first_row[row]]
        return cells if len(groups) == len(document) else cells[:, first_column[column]]


def _distinct(
    groups: Int32[np.ndarray, " texts"],
) -> tuple[Int32[np.ndarray, " distinct"], Int64[np.ndarray, " distinct"], Int64[np.ndarray, " texts"]]:
    """Give the distinct numbers, ascending; where each is first; and which of them stands in each place."""
    return np.unique(groups, return_index=True, return_inverse=True)


def with_teacher(matrix: ScoreMatrix, teacher: TeacherScores | None, cells: Cells) -> ScoreMatrix:
    """Give a score matrix the teacher's scores of its cells."""
    if teacher is None:
        return matrix
    scores = torch.from_numpy(teacher.of(cells.dataset, cells.query, cells.document))
    return replace(matrix, teacher=scores.to(matrix.scores.device))


def _check_table(table: pl.DataFrame, dataset: Dataset) -> None:
    check_positions(table, dataset, kind="teacher scores", made="scored")
    if not table.schema.get("score", pl.String()).is_numeric():
        raise RunError(
            f"the table of teacher scores has no column 'score' of numbers; it has: {', '.join(table.columns)}"
        )
    finite = table["score"].cast(pl.Float64).is_finite().fill_null(False)
    if table.is_empty() or not finite.all():
        wrong = f"row {(~finite).arg_true()[0] + 1} has no finite score" if table.height else "it has no row"
        raise RunError(f"the table of teacher scores cannot be used: {wrong}; run `hardneg score` again")


def _agreed(rows: pl.DataFrame) -> bool:
    """Say whether all teachers give squashed scores; refuse to average them with raw ones."""
    inside = pl.col("score").is_between(0, 1).all()
    scales = rows.group_by("teacher", maintain_order=True).agg(
        squashed=pl.col("squashed").drop_nulls().first(), n=pl.col("squashed").n_unique(), inside=inside
    )
    is_squashed = dict(scales.select("teacher", pl.col("squashed").fill_null(pl.col("inside"))).iter_rows())
    mixed = scales.filter(pl.col("n") > 1)["teacher"]
    if len(mixed):
        raise RunError(
            f"some scores of teacher {mixed[0]!r} are marked as squashed and some not; score with one setting"
        )
    if len(set(is_squashed.values())) > 1:
        listed = ", ".join(f"{name} ({'between 0 and 1' if low else 'raw'})" for name, low in is_squashed.items())
        raise RunError(
            f"teachers whose scores are squashed between 0 and 1 cannot be averaged with raw ones: {listed}; "
            'score with activation="identity" everywhere'
        )
    return next(iter(is_squashed.values()))
