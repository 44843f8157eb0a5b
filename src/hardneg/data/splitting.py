"""Dealing the queries of a dataset to splits, what belongs together kept together."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool, Int8, Integer, UInt64

from hardneg.arguments import check_texts, check_whole, shown
from hardneg.data.dataset import DEVELOPMENT, HELD_OUT, UNUSED, Dataset
from hardneg.data.given import check_dataset
from hardneg.data.ties import by_values, tied_documents, tied_queries, times
from hardneg.errors import DatasetError
from hardneg.files import write_json
from hardneg.randomness import bits

BY = ("query", "document", "group", "time")
TEST_SHARE, DEV_SHARE = 0.2, 0.1

_NAMES = ("train", "dev", "test")
_ENOUGH = 0.5  # of a share: with less, it cannot be met in this way
_LARGE = 0.1  # of the queries: with more in one piece, that is why a share is not met
_MOST = 0.5  # with more, that is said even where the shares are met


@dataclass(frozen=True)
class Dealing:
    """How queries are dealt.

    Args:
        by: "query" keeps together equal and nearly equal query texts and queries that share a positive; "document"
            equal and nearly equal positives; "group" equal values of a column; "time" holds out what is newest.
        column: The column of "group" or "time", of the queries or, if they have none of that name, of the documents.
        test_share: Share of the queries for testing; None takes 0.2, and 0 where there is a test split.
        dev_share: Share of the queries for development; None takes 0.1, and 0 where there is a dev split.
        shared_positives: Whether, by query, a document may answer queries of several splits.
        split: The split whose queries are dealt.
        again: Whether to deal those of `test` and `dev` (or `validation`, `valid`, `val`, `development`) anew.
        seed: Of the draw.

    Raises:
        DatasetError: A value is out of range, or a column is missing or too many.
    """

    by: str = "query"
    column: str | None = None
    test_share: float | None = None
    dev_share: float | None = None
    shared_positives: bool = False
    split: str = "train"
    again: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("test_share", "dev_share"):
            share = getattr(self, name)
            if share is not None and (isinstance(share, bool) or not isinstance(share, int | float)):
                raise DatasetError(f"Dealing: {name} must be a number between 0 and 1, not {shown(share)}")
        check_texts("Dealing", by=self.by, split=self.split)
        check_whole("Dealing", least=0, seed=self.seed)
        if self.by not in BY:
            raise DatasetError(f"cannot split by {self.by!r}; choose one of: {', '.join(BY)}")
        if (self.column is not None) != (self.by in ("group", "time")):
            raise DatasetError(f"split by {self.by}: a column goes with group and time, and only with these")
        shares = (self.test_share or 0.0, self.dev_share or 0.0)
        if min(shares) < 0 or sum(shares) >= 1:
            raise DatasetError(
                f"test_share {self.test_share} and dev_share {self.dev_share} must lie between 0 and 1, and something "
                "must be left to train on"
            )


@dataclass(frozen=True, eq=False)
class Dealt:
    """A dataset that was dealt, and how that went."""

    dataset: Dataset
    how: Dealing  # shares filled in
    queries: Mapping[str, int]  # of each split, those that took part
    pieces: int  # sets of queries, or of documents, that were dealt whole
    largest: float  # share of the queries in the largest piece
    unused: int  # labels whose query and answer came to different splits
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Everything but the dataset, as plain values."""
        counts = {"queries": dict(self.queries), "pieces": self.pieces, "largest": self.largest, "unused": self.unused}
        return {**asdict(self.how), **counts, "notes": list(self.notes)}

    def write(self, path: Path | str) -> Path:
        """Write the dataset as `Dataset.write` does, and `split.json`, which says how it was dealt."""
        write_json(Path(path) / "split.json", self.as_dict())
        return self.dataset.write(path)  # last: what has documents is whole


def split_dataset(dataset: Dataset, how: Dealing | None = None) -> Dealt:
    """Deal the queries of a dataset to train, dev and test; the same data and seed give the same splits.

    Only labels of one split are dealt. Those of others stay where they are, and so does what is judged of queries
    without a positive.

    Args:
        dataset: The dataset.
        how: What is kept together, and how much goes where; None takes the defaults of `Dealing`.

    Returns:
        The dataset with its new splits, and how that went.

    Raises:
        DatasetError: There is no such split or column, the splits are there already, or so much belongs together that
            the shares cannot be met.
    """
    check_dataset(dataset, purpose="split_dataset")
    if not isinstance(how, Dealing | None):
        raise DatasetError(f"split_dataset: give Dealing(…), not {shown(how)}")
    pool, how = _pool(dataset, how or Dealing())
    rows = dataset.qrels.filter(pool)
    positives = rows.filter(pl.col("relevance") > 0).select("query", "document").unique(maintain_order=True)
    asked = positives["query"].unique().sort().to_numpy()
    if not len(asked):
        raise DatasetError(f"split {how.split!r} of {dataset.name} has no positive (relevance above 0) to deal")
    if _of_documents(dataset, how):
        home, apart, piece = _by_document(dataset, how, rows, positives)
    else:
        if how.column is None:
            pieces = tied_queries(dataset, None if how.shared_positives else positives)
        else:
            pieces = _by_column(dataset.queries, how, asked, equal=dataset.query_text_group)
        piece = pieces[asked]
        home = np.zeros(dataset.n_queries, dtype=np.int8)
        home[asked] = _deal(piece, how, ids=dataset.queries["id"].gather(asked))
        apart = np.zeros(rows.height, dtype=bool)
    new = np.asarray(_NAMES, dtype=object)[home[rows["query"].to_numpy()]]
    new[apart] = UNUSED
    counts = {name: int((home[asked] == number).sum()) for number, name in enumerate(_NAMES)}
    sizes = np.unique(piece, return_counts=True)[1]
    largest = float(sizes.max() / sizes.sum())
    _check_met(dataset, how, counts, largest, positives)
    everything = dataset.qrels["split"].to_numpy().astype(object)
    everything[pool.to_numpy()] = new
    qrels = dataset.qrels.with_columns(split=pl.Series(everything.tolist(), dtype=pl.String))
    return Dealt(
        dataset=dataset.with_labels(qrels),
        how=how,
        queries={name: count for name, count in counts.items() if count},
        pieces=len(sizes),
        largest=round(largest, 4),
        unused=int(apart.sum()),
        notes=tuple(_notes(dataset, how, largest, int(apart.sum()), positives)),
    )


def held_out(dataset: Dataset, *, test_share: float, seed: int) -> Dataset:
    """Move a share of the queries from the only split to `test`, as `split_dataset` does by query.

    Queries of equal or nearly equal text stay together. Documents may answer queries of both splits.
    """
    if not 0 < test_share < 1:
        raise DatasetError(f"test_share {test_share} must lie between 0 and 1")
    if len(dataset.splits) != 1:
        raise DatasetError(f"{dataset.name} already has the splits {', '.join(dataset.splits)}; leave out test_share")
    how = Dealing(test_share=test_share, dev_share=0.0, shared_positives=True, split=dataset.splits[0], seed=seed)
    return split_dataset(dataset, how).dataset


def _pool(dataset: Dataset, how: Dealing) -> tuple[pl.Series, Dealing]:
    """Mark the labels to deal, and fill in the shares."""
    if how.split not in dataset.splits:
        raise DatasetError(
            f"{dataset.name} has no split {how.split!r} to deal; it has: {', '.join(dataset.splits) or 'none'}. Name "
            "one of these with --split"
        )
    taken = {how.split, *(HELD_OUT if how.again else ())}
    kept = [name for name in HELD_OUT if name in dataset.splits and name not in taken]
    there = {"dev" if name in DEVELOPMENT else name: name for name in kept}
    for name, share in (("test", how.test_share), ("dev", how.dev_share)):
        if share and name in there:
            raise DatasetError(
                f"{dataset.name} already has the split {there[name]!r}, which stays as it is: leave {name}_share out, "
                "or deal all anew with --again"
            )
    test_share = (0.0 if "test" in there else TEST_SHARE) if how.test_share is None else how.test_share
    dev_share = (0.0 if "dev" in there else DEV_SHARE) if how.dev_share is None else how.dev_share
    if not (test_share or dev_share):
        raise DatasetError(
            f"{dataset.name} already has the splits {', '.join(dataset.splits)}; deal test and dev anew with --again"
        )
    return dataset.qrels["split"].is_in(list(taken)), replace(how, test_share=test_share, dev_share=dev_share)


def _of_documents(dataset: Dataset, how: Dealing) -> bool:
    """Say whether documents are dealt, not queries; refuse a column that neither has."""
    if how.column is None:
        return how.by == "document"
    for table, is_documents in ((dataset.queries, False), (dataset.documents, True)):
        if how.column in table.columns:
            return is_documents
    columns = sorted({*dataset.queries.columns, *dataset.documents.columns} - {"id", "text", "title"})
    raise DatasetError(
        f"{dataset.name} has no column {how.column!r}; its queries and documents have: {', '.join(columns) or 'none'}"
    )


def _by_column(
    table: pl.DataFrame, how: Dealing, rows: Integer[np.ndarray, " some"], *, equal: Integer[np.ndarray, " rows"]
) -> Integer[np.ndarray, " rows"]:
    """Number rows by what is dealt whole; by time, in its order."""
    column = str(how.column)
    return by_values(table, column, equal=equal) if how.by == "group" else times(table, column, rows)


def _by_document(
    dataset: Dataset, how: Dealing, rows: pl.DataFrame, positives: pl.DataFrame
) -> tuple[Int8[np.ndarray, " queries"], Bool[np.ndarray, " rows"], Integer[np.ndarray, " pairs"]]:
    """Deal documents; a query goes where its positives go, or to train if they part, and some labels with nobody."""
    document = positives["document"].to_numpy()
    if how.column is None:
        pieces = tied_documents(dataset, document)
    else:
        pieces = _by_column(dataset.documents, how, document, equal=dataset.text_group)
    piece = pieces[document]
    dealt = _deal(piece, how, ids=dataset.documents["id"].gather(document))
    place = np.full(dataset.n_documents, -1, dtype=np.int8)
    place[document] = dealt
    same = tied_queries(dataset, None)
    # Train is the lowest number: a query whose positives part trains with those that do, and the rest is unused.
    home = np.full(int(same.max()) + 1, len(_NAMES), dtype=np.int8)
    np.minimum.at(home, same[positives["query"].to_numpy()], dealt)
    home = np.where(home < len(_NAMES), home, 0)[same].astype(np.int8)
    apart = place[rows["document"].to_numpy()] != home[rows["query"].to_numpy()]
    return home, apart & (rows["relevance"] > 0).to_numpy(), piece


def _deal(piece: Integer[np.ndarray, " rows"], how: Dealing, *, ids: pl.Series) -> Int8[np.ndarray, " rows"]:
    """Deal pieces: to test until its share is full, then to dev, the rest to train.

    By chance, a piece too large for what is left of a share goes on to the next split. By time, the newest are test.
    """
    _, place = np.unique(piece, return_inverse=True)
    size = np.bincount(place)
    want = [(how.test_share or 0.0) * len(piece), (how.dev_share or 0.0) * len(piece)]
    if how.by == "time":
        middle = np.cumsum(size[::-1])[::-1] - size / 2  # rows newer than the middle of each piece, and itself
        return np.where(middle < want[0], 2, np.where(middle < sum(want), 1, 0))[place].astype(np.int8)
    split = np.zeros(len(size), dtype=np.int8)
    for at in np.argsort(_drawn(ids, place, how.seed), kind="stable"):
        for number, wanted in ((2, 0), (1, 1)):
            if size[at] <= want[wanted] + 0.5:
                split[at] = number
                want[wanted] -= size[at]
                break
    return split[place]


def _drawn(ids: pl.Series, place: Integer[np.ndarray, " rows"], seed: int) -> UInt64[np.ndarray, " pieces"]:
    """Draw a number for each piece by its least id: it stays what it is when queries are added elsewhere."""
    least = pl.DataFrame({"id": ids, "place": place}).group_by("place").agg(pl.col("id").min()).sort("place")["id"]
    keys = [int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest(), "little") for name in least]
    return bits(seed, keys)


def _check_met(
    dataset: Dataset, how: Dealing, counts: Mapping[str, int], largest: float, positives: pl.DataFrame
) -> None:
    """Refuse splits that are empty, or far from the share because too much belongs together."""
    n = sum(counts.values())
    wanted = {"test": how.test_share or 0.0, "dev": how.dev_share or 0.0}
    for name, share in wanted.items():
        if not share or (counts["train"] and counts[name] >= max(1.0, _ENOUGH * share * n)):
            continue
        if counts[name] and counts["train"] and share * n < 2:
            continue
        reason = f"{name} would have {counts[name]:,} of {n:,} queries where {share:.3g} of them are asked for"
        if largest > _LARGE and share * n >= 1:
            together = _swallowed(dataset, how, largest, positives)
            raise DatasetError(f"{dataset.name} cannot be dealt by {how.by}: {together}, so {reason}. {_WAYS_OUT}")
        few = f"{dataset.name} has too few queries for this: {reason}"
        if how.by == "query":
            raise DatasetError(f"{few}; ask for a larger share")
        raise DatasetError(f"{few}, since queries whose answers part stay in train. {_WAYS_OUT}")


_WAYS_OUT = (
    "Let splits share positives (--shared-positives), as datasets with one corpus for all splits do; or deal whole "
    "documents (--by document), values of a column (--group COLUMN) or by time (--time COLUMN)"
)


def _swallowed(dataset: Dataset, how: Dealing, largest: float, positives: pl.DataFrame) -> str:
    popular = positives.group_by("document").len().sort("len", "document", descending=[True, False])
    name, n = dataset.documents["id"][popular["document"][0]], popular["len"][0]
    why = f" (document {name!r} alone answers {n:,} queries)" if how.by == "query" and not how.shared_positives else ""
    return f"{largest:.0%} of it hang together{why}"


def _notes(dataset: Dataset, how: Dealing, largest: float, n_apart: int, positives: pl.DataFrame) -> list[str]:
    notes = []
    if largest > _MOST:
        notes.append(f"{_swallowed(dataset, how, largest, positives)} and went to one split. {_WAYS_OUT}")
    if n_apart:
        notes.append(
            f"{n_apart:,} positives are of queries whose answers came to several splits: they are kept as labels, in a "
            f"split {UNUSED!r} that nothing is trained or measured on"
        )
    return notes
