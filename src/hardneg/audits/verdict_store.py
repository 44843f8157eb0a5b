"""The database of a review: pairs in the order of judging, and every verdict, on disk before it is answered."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import polars as pl

from hardneg.audits.verdict_seals import SEALS, check_seals, seal_all, seal_vote
from hardneg.databases import database, one_step
from hardneg.errors import RunError

ORDERS = ("p_positive", "teacher", "disagreement", "score")
Verdict = Literal["answer", "not_answer", "unsure"]
VERDICTS = get_args(Verdict)
VOTES_SCHEMA = {"pair": pl.Int64, "reviewer": pl.String, "verdict": pl.String}

SUFFIX = ".sqlite"

_VERSION = 1
_DATA = "CREATE TABLE IF NOT EXISTS data (texts TEXT NOT NULL, labels TEXT NOT NULL)"  # later than the first reviews
_STANDING = """CREATE VIEW standing AS
    SELECT vote, pair, reviewer, verdict FROM votes
    WHERE vote IN (SELECT MAX(vote) FROM votes GROUP BY pair, reviewer) AND verdict IS NOT NULL"""
_TABLES = f"""
CREATE TABLE begun (settings TEXT NOT NULL, negatives INTEGER NOT NULL, digest TEXT NOT NULL);
CREATE TABLE pairs (
    pair INTEGER PRIMARY KEY, query_id TEXT NOT NULL, doc_id TEXT NOT NULL,
    suspect INTEGER, draw INTEGER, shared INTEGER NOT NULL, UNIQUE (query_id, doc_id)
);
-- Nothing is ever changed or deleted here: an undo is a row with an empty verdict, and the last row stands.
CREATE TABLE votes (
    vote INTEGER PRIMARY KEY AUTOINCREMENT, pair INTEGER NOT NULL REFERENCES pairs, reviewer TEXT NOT NULL,
    verdict TEXT CHECK (verdict IN ('answer', 'not_answer', 'unsure')), at TEXT NOT NULL
);
CREATE INDEX votes_of_pair ON votes (pair, reviewer);
{_STANDING};
"""


def database_of(run: Path) -> Path:
    """Where the review of a run is kept."""
    return run / "review" / f"verdicts{SUFFIX}"


@dataclass(frozen=True)
class Settings:
    """What decides which pairs are judged, and in which order."""

    order: str | None = None  # one of ORDERS; None takes the first that is known
    suspects: int = 1_000
    sample: int = 400  # drawn, each negative as likely as any other; only these make the estimate
    overlap: float = 0.2  # the share of the pairs that every reviewer judges
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.overlap <= 1:
            raise RunError(f"review: --overlap is {self.overlap}; set it to 0 or more and at most 1, say 0.2")
        if self.suspects + self.sample == 0:
            raise RunError("review: neither suspects nor a sample are to be judged; raise --suspects or --sample")


@dataclass(frozen=True)
class Begun:
    """What a review was begun with."""

    settings: Settings
    negatives: int
    digest: str


@dataclass(frozen=True, eq=False)
class Store:
    """An open database of a review. Open one with `opened`."""

    path: Path
    connection: sqlite3.Connection

    def begun(self) -> Begun | None:
        """What the review was begun with; None if it was not begun."""
        row = self.connection.execute("SELECT settings, negatives, digest FROM begun").fetchone()
        try:
            return None if row is None else Begun(Settings(**json.loads(row[0])), *row[1:])
        except (ValueError, TypeError) as error:
            raise RunError(f"{self.path} is damaged ({error}): it does not say how its review was begun") from error

    def data(self) -> dict[str, str]:
        """What the pairs were drawn from, as `data_of` describes it; empty in a review of an earlier version."""
        row = self.connection.execute("SELECT texts, labels FROM data").fetchone()
        return {} if row is None else {"texts": row[0], "labels": row[1]}

    def begin(self, pairs: pl.DataFrame, begun: Begun, *, data: dict[str, str] | None = None) -> None:
        """Write down what is to be judged, and of which data, in one step; if somebody was faster, theirs stands."""
        rows = [(number, *row) for number, row in enumerate(pairs.iter_rows())]
        with one_step(self.connection):
            if self.begun() is None:
                self.connection.executemany("INSERT INTO pairs VALUES (?, ?, ?, ?, ?, ?)", rows)
                values = (json.dumps(asdict(begun.settings)), begun.negatives, begun.digest)
                self.connection.execute("INSERT INTO begun VALUES (?, ?, ?)", values)
                if data is not None:
                    self.connection.execute("INSERT INTO data VALUES (?, ?)", (data["texts"], data["labels"]))
                seal_all(self.connection)

    def pairs(self) -> pl.DataFrame:
        """All pairs: `pair` (number in the order of judging), `query_id`, `doc_id`, `suspect`, `draw`, `shared`."""
        rows = self.connection.execute("SELECT * FROM pairs ORDER BY pair").fetchall()
        schema = {"pair": pl.Int64, "query_id": pl.String, "doc_id": pl.String, "suspect": pl.Int64, "draw": pl.Int64}
        return pl.DataFrame(rows, schema={**schema, "shared": pl.Boolean}, orient="row")

    def votes(self) -> pl.DataFrame:
        """The verdicts that stand, in the order in which they were given: `pair`, `reviewer`, `verdict`."""
        rows = self.connection.execute("SELECT pair, reviewer, verdict FROM standing ORDER BY vote").fetchall()
        return pl.DataFrame(rows, schema=VOTES_SCHEMA, orient="row")

    def record(self, pair: int, reviewer: str, verdict: Verdict | None) -> None:
        """Give a verdict, or take it back (None)."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with one_step(self.connection):
            values = (pair, reviewer, verdict, now)
            insert = "INSERT INTO votes (pair, reviewer, verdict, at) VALUES (?, ?, ?, ?)"
            number = self.connection.execute(insert, values).lastrowid
            seal_vote(self.connection, (number, *values))

    def undo(self, reviewer: str) -> int | None:
        """Take back the last verdict of a reviewer that stands; returns its pair, or None if there is none."""
        last = self.connection.execute(
            "SELECT pair FROM standing WHERE reviewer = ? ORDER BY vote DESC LIMIT 1", (reviewer,)
        ).fetchone()
        if last is not None:
            self.record(last[0], reviewer, None)
        return None if last is None else int(last[0])

    def open_pairs(self, reviewer: str) -> Iterator[int]:
        """List the pairs that wait for a reviewer: not judged by them, nor by another unless everybody judges them."""
        for (pair,) in self.connection.execute(
            """SELECT pair FROM pairs WHERE NOT EXISTS (
                   SELECT 1 FROM standing WHERE standing.pair = pairs.pair AND (reviewer = ? OR NOT shared)
               ) ORDER BY pair""",
            (reviewer,),
        ):
            yield int(pair)


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    """Open the database of a review; made if missing."""
    trouble = "{path} cannot be used as a database of verdicts: {error}"
    with database(
        path, trouble=trouble, durable=True, view=_STANDING
    ) as connection:  # a person's work is not lost with the power
        connection.execute("PRAGMA foreign_keys = ON")
        _prepare(connection, path)
        check_seals(connection, path)
        yield Store(path, connection)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    with one_step(connection):
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _VERSION):
            raise RunError(f"{path} was written by another version of hardneg (format {version}, not {_VERSION})")
        if version == 0:
            for statement in _TABLES.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute(_DATA)
        connection.execute(SEALS)
        if connection.execute("SELECT 1 FROM seals").fetchone() is None:  # made just now, or by an earlier version
            seal_all(connection)


def decided(pairs: pl.DataFrame, votes: pl.DataFrame) -> pl.DataFrame:
    """Count the votes on each pair and decide by majority, null without one.

    `drawn` pairs count as drawn at random: those before the first of the draw that has no vote. One that was judged
    early for being a suspect would distort the estimate.
    """
    votes_for = {"yes": "answer", "no": "not_answer", "unsure": "unsure"}
    counts = votes.group_by("pair").agg(
        **{name: (pl.col("verdict") == verdict).sum().cast(pl.Int64) for name, verdict in votes_for.items()}
    )
    counted = pairs.join(counts, on="pair", how="left", maintain_order="left")
    counted = counted.with_columns(pl.col(*votes_for).fill_null(0))
    majority = pl.when(pl.col("yes") != pl.col("no")).then(pl.col("yes") > pl.col("no"))
    counted = counted.with_columns(n_votes=pl.sum_horizontal(*votes_for), answer=majority)
    waiting = counted.filter(pl.col("draw").is_not_null() & (pl.col("n_votes") == 0))["draw"].min()
    reached = pl.col("draw").is_not_null() if waiting is None else pl.col("draw") < waiting
    return counted.with_columns(drawn=reached.fill_null(value=False))


def check_same(begun: Begun, *, digest: str, wanted: dict[str, Any], path: Path) -> None:
    """Check that a review that goes on is still the one that was begun."""
    if begun.digest != digest:
        raise RunError(
            f"the review in {path} was begun with other negatives; name another file with --database to begin anew"
        )
    before = asdict(begun.settings)
    were = ", ".join(f"{name} = {before[name]}" for name, value in wanted.items() if value != before[name])
    if were:
        raise RunError(
            f"the review in {path} was begun with {were}; leave that out to go on, or name another file with --database"
        )
