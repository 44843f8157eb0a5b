"""Which records of an index are documents of a dataset, and which are lacking on either side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64

from hardneg.data.dataset import Dataset
from hardneg.data.findings import Finding
from hardneg.errors import DatasetError
from hardneg.progress import task
from hardneg.sources.indexes.protocol import Facts, Index, Key

_EXAMPLES = 3


@dataclass(frozen=True, eq=False)
class RecordListing:
    """What an index holds of a dataset."""

    facts: Facts
    position: dict[Key, int]  # of the document that a record is of
    counts: Int64[np.ndarray, " documents"]  # records of each document
    n_extra: int  # records that are of no document of the dataset
    extra: tuple[str, ...]  # some of their ids

    @property
    def lacking(self) -> Int32[np.ndarray, " lacking"]:
        """Documents without a record."""
        return np.flatnonzero(self.counts == 0).astype(np.int32)

    def documents(self, keys: Sequence[Key]) -> list[int]:
        """Give the documents that records are of, each once, in the order of the records."""
        return list(dict.fromkeys(self.position[key] for key in keys if key in self.position))

    def finding(self, dataset: Dataset, *, source: str) -> Finding | None:
        """Say what one side has and the other lacks."""
        lacking = self.lacking
        if not len(lacking) and not self.n_extra:
            return None
        labelled = np.isin(lacking, dataset.positives.keys % dataset.n_documents).sum()
        parts = []
        if len(lacking):
            parts.append(
                f"it has no record of {len(lacking):,} of {dataset.n_documents:,} documents, {labelled:,} of them "
                "labelled answers, so the source cannot give them"
            )
        if self.n_extra:
            parts.append(f"{self.n_extra:,} of its {self.facts.n_records:,} records are of no document of the dataset")
        examples = tuple(dataset.documents["id"].gather(lacking[:_EXAMPLES].tolist()).to_list()) or self.extra
        return Finding(
            "HN046",
            "warning" if len(lacking) else "info",
            f"the index of source {source} and the dataset differ",
            f"{self.facts.title}: {'; '.join(parts)}",
            "bring the index up to date, or look whether it was made of this version of the dataset",
            len(lacking) or self.n_extra,
            examples,
        )


def list_records(index: Index, facts: Facts, dataset: Dataset) -> RecordListing:
    """List what an index holds, and find the documents of the dataset among it."""
    at = {name: row for row, name in enumerate(dataset.documents["id"].to_list())}
    position: dict[Key, int] = {}
    counts = np.zeros(dataset.n_documents, np.int64)
    n_extra, extra = 0, list[str]()
    with task(f"listing {facts.title}", total=facts.n_records, unit="records") as advance:
        for page in index.pages():
            for key, name in page:
                row = -1 if name is None else at.get(name, -1)
                if row >= 0:
                    position[key] = row
                    counts[row] += 1
                else:
                    n_extra += 1
                    extra += [str(name)] if len(extra) < _EXAMPLES and name is not None else []
            advance(len(page))
    if not position:
        there = f"such as {', '.join(map(repr, extra))}" if extra else "which have no id in that field"
        raise DatasetError(
            f"{facts.title} has {n_extra:,} records, {there}, and none is a document of {dataset.name} (such as "
            f"{dataset.documents['id'][0]!r}); set id_field to the field that holds the ids of documents"
        )
    return RecordListing(facts, position, counts, n_extra, tuple(extra))
