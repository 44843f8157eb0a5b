"""What a reviewer sees next, and what becomes of their verdict. Knows nothing of the web."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.audits.verdict_files import check_name
from hardneg.audits.verdict_store import Begun, Settings, Store, Verdict, check_same, database_of, opened
from hardneg.audits.verdicts import read_judged
from hardneg.data.dataset import Dataset
from hardneg.data.text import digest
from hardneg.errors import RunError
from hardneg.pipeline.judged_labels import use_verdicts, with_verdicts
from hardneg.review.figures import Figures, figures
from hardneg.review.marking import marked, query_terms
from hardneg.review.schedule import read_reviewable, schedule
from hardneg.review.serving import check_installed
from hardneg.runs.joining import check_data, check_written, data_of
from hardneg.runs.lock import writing_file
from hardneg.runs.origin import read_dataset_of, split_of
from hardneg.runs.parts import with_positions

_LEASE_S = 600.0
_SHOWN_POSITIVES = 20
_TOLD = ("source", "rank", "score", "positive_score", "teacher_score", "p_positive")


@dataclass(frozen=True, eq=False)
class ReviewSession:
    """A review that is open. Open one with `opened_review`."""

    dataset: Dataset
    store: Store
    negatives: pl.DataFrame = field(repr=False)
    begun: Begun
    note: str = ""  # how the labels differ from those that were mined with
    _leases: dict[int, tuple[str, float]] = field(default_factory=dict, repr=False)

    def next_pair(self, reviewer: str) -> int | None:
        """Find the next pair for a reviewer; it is theirs for ten minutes, unless everybody judges it."""
        now = time.monotonic()
        for pair in self.store.open_pairs(reviewer):
            holder, until = self._leases.get(pair, (reviewer, 0.0))
            if holder == reviewer or until < now or self._pairs["shared"][pair]:
                self._leases[pair] = (reviewer, now + _LEASE_S)
                return pair
        return None

    def judge(self, pair: int, reviewer: str, verdict: Verdict) -> None:
        """Give a verdict; it is on disk on return."""
        if not 0 <= pair < self._pairs.height:
            raise RunError(f"there is no pair {pair} in this review; it has {self._pairs.height}")
        self.store.record(pair, reviewer, verdict)
        self._leases.pop(pair, None)

    def undo(self, reviewer: str) -> int | None:
        """Take back a reviewer's last verdict; returns its pair, or None if there is none."""
        pair = self.store.undo(reviewer)
        if pair is not None:
            self._leases[pair] = (reviewer, time.monotonic() + _LEASE_S)
        return pair

    def figures(self) -> Figures:
        """Sum up the verdicts so far."""
        return figures(self._pairs, self.store.votes(), negatives=self.begun.negatives)

    def shown(self, pair: int) -> dict[str, Any]:
        """Give all that a page shows of a pair: texts in pieces, the matching words marked."""
        row = self._pairs.row(pair, named=True)
        query, document = row["query"], row["document"]
        terms = query_terms(self.dataset.query_texts[query])
        positives = self.dataset.positives.of(query).tolist()

        def pieces(text: str) -> list[dict[str, Any]]:
            return [asdict(piece) for piece in marked(text, terms)]

        return {
            "pair": pair,
            "query_id": row["query_id"],
            "doc_id": row["doc_id"],
            "query": self.dataset.query_texts[query],
            "document": pieces(self.dataset.document_texts[document]),
            "positives": [
                {"doc_id": self.dataset.documents["id"][each], "text": pieces(self.dataset.document_texts[each])}
                for each in positives[:_SHOWN_POSITIVES]
            ],
            "n_positives": len(positives),
            "known": self._known(query, document),
        }

    def _known(self, query: int, document: int) -> dict[str, Any]:
        """Say what mining knew of a pair, by name, without what it did not know."""
        rows = self.negatives.filter((pl.col("query") == query) & (pl.col("document") == document))
        names = [name for name in rows.columns if name in _TOLD or name.startswith(("rank.", "score."))]
        return {name: value for name, value in rows.row(0, named=True).items() if name in names and value is not None}

    @cached_property
    def _pairs(self) -> pl.DataFrame:
        return with_positions(self.store.pairs(), self.dataset, self.store.path)


@contextmanager
def opened_review(run: Path, dataset: Dataset, database: Path, *, wanted: dict[str, Any]) -> Iterator[ReviewSession]:
    """Begin the review of a run, or go on with it."""
    negatives = read_reviewable(run, dataset)
    settings = Settings(**wanted)
    ids = negatives.sort("query_id", "doc_id")
    key = digest(pl.concat([ids["query_id"], ids["doc_id"]]))
    with opened(database) as store:
        begun = store.begun()
        if store.data():
            check_written(store.data(), dataset, where=database, labels=False)
        if begun is None:
            pairs, settings = schedule(negatives, dataset, settings)
            store.begin(pairs, Begun(settings, negatives.height, key), data=data_of(dataset))
            begun = store.begun()
        if begun is None:
            raise RunError(f"{database} could not be written")
        check_same(begun, digest=key, wanted=wanted, path=database)
        yield ReviewSession(dataset, store, negatives, begun)


@contextmanager
def reviewing(
    run: Path,
    *,
    dataset: str | None = None,
    mapping: Mapping[str, Any] | None = None,
    skip_invalid: bool = False,
    database: Path | None = None,
    verdicts: Path | None = None,
    allow_other_data: bool = False,
    export: Path | None = None,
    wanted: dict[str, Any],
) -> Iterator[ReviewSession]:
    """Begin the review of a run, or go on with it, on the dataset that the run was made from.

    What `verdicts` judged before is left out. Without `export` a page will be served, so its libraries must be there.
    """
    if export is None:
        check_installed()
    else:
        check_name(export)
    data = read_dataset_of(run, dataset, mapping=mapping, skip_invalid=skip_invalid)
    note = check_data(run, data, allow_other_data=allow_other_data)
    if verdicts is not None:
        split = split_of(run)
        data = with_verdicts(data, use_verdicts(data, read_judged(verdicts, data), split=split)[0], split=split)
    place = database or database_of(run)
    # An export reads, and may do so while a page is served; two pages would hand out the same pairs.
    with writing_file(place if export is None else export), opened_review(run, data, place, wanted=wanted) as session:
        yield replace(session, note=note)
