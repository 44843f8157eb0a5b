"""A student whose training takes a second: one linear map over MiniLM's vectors, which stay as they are.

Studies with many cells take it where training the whole model is too dear. What is mined, how it is filtered and what a
batch may hold is as for the whole model; what can be learned is less. Queries and documents share the map, which begins
as the identity. Batches of 32 pairs in seeded order; every row meets the positives of its batch and the negatives that
were drawn for all its rows, less known answers; temperature .05, AdamW.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch

from hardneg.arrays import Rows, Scores
from hardneg.data.dataset import Dataset
from hardneg.losses import InfoNCE
from hardneg.losses.protocol import Loss
from hardneg.losses.score_matrix import ScoreMatrix
from hardneg.sources import Dense
from hardneg.sources.retrieval import retrieval_table

BATCH = 32


@dataclass(frozen=True)
class Head:
    """How a head is trained."""

    learning_rate: float
    epochs: int
    per_row: int = 1
    loss: Loss = InfoNCE()  # noqa: RUF009 - frozen
    shared: bool = True


@dataclass(frozen=True, eq=False)
class Vectors:
    """Vectors of a dataset's documents, and of its queries by position."""

    encoder: Dense

    def documents(self, dataset: Dataset) -> torch.Tensor:
        """Give those of all documents."""
        return torch.from_numpy(np.array(self.encoder.vectors_of_documents(dataset)))

    def queries(self, dataset: Dataset, queries: Rows) -> torch.Tensor:
        """Give those of some queries."""
        return torch.from_numpy(np.array(self.encoder.vectors_of_queries(dataset, queries)))


def train_head(
    data: Dataset, vectors: Vectors, negatives: pl.DataFrame | None, *, split: str, head: Head, seed: int, steps: int
) -> torch.Tensor:
    """Train a map on the pairs of a split."""
    query, document = data.pairs_of(split)
    asked, row = np.unique(query, return_inverse=True)
    of_queries, of_documents = vectors.queries(data, asked), vectors.documents(data)
    change = torch.zeros(of_queries.shape[1], of_queries.shape[1], requires_grad=True)
    optimiser = torch.optim.AdamW([change], lr=head.learning_rate, weight_decay=0.0)
    mined = _by_query(negatives)
    for number, rows in enumerate(_batches(len(query), seed)):
        if number == steps:
            break
        for group in optimiser.param_groups:
            group["lr"] = head.learning_rate * min(1.0, (number + 1) / (0.1 * steps)) * (1 - number / steps)
        drawn = [_drawn(mined, int(each), head.per_row, seed, number) for each in query[rows]]
        pool = np.concatenate([document[rows], *(documents for documents, _ in drawn)]).astype(np.int32)
        matrix = _matrix(data, query[rows], pool, drawn, shared=head.shared)
        q = _mapped(of_queries[row[rows]], change)
        d = _mapped(of_documents[pool], change)
        loss = head.loss(ScoreMatrix(q @ d.T, torch.arange(len(rows)), **matrix))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return change.detach()


def _mapped(vectors: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(vectors + vectors @ change, dim=1)


def _batches(n_pairs: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng([seed, 1])
    while True:
        order = rng.permutation(n_pairs)
        whole = max(1, n_pairs // BATCH)
        yield from np.array_split(order, whole)


def _by_query(negatives: pl.DataFrame | None) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    if negatives is None:
        return {}
    parts = negatives.partition_by("query", as_dict=True)
    return {key[0]: (part["document"].to_numpy(), part["weight"].to_numpy()) for key, part in parts.items()}


def _drawn(mined: dict, query: int, per_row: int, seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    documents, weight = mined.get(query, (np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)))
    at = np.random.default_rng([seed, 2, query, number]).permutation(len(documents))[:per_row]
    return documents[at], weight[at]


def _matrix(data: Dataset, query: Rows, pool: Rows, drawn: list, *, shared: bool) -> dict[str, torch.Tensor]:
    """Say which columns of a batch may be negatives of which row, and what those of its own weigh."""
    rows, columns = np.divmod(np.arange(len(query) * len(pool)), len(pool))
    is_answer = data.is_answer(query[rows], pool[columns]).reshape(len(query), len(pool))
    weight = np.ones(is_answer.shape, dtype=np.float32)
    start = len(query)
    for row, (documents, own) in enumerate(drawn):
        of_row = slice(start, start + len(documents))
        weight[row, of_row] = own
        if not shared:
            others = np.arange(len(query)) != row
            weight[others, of_row] = 0.0
        start += len(documents)
    allowed = torch.from_numpy(~is_answer)
    allowed[torch.arange(len(query)), torch.arange(len(query))] = True
    return {"allowed": allowed, "weight": torch.from_numpy(weight)}


@dataclass(frozen=True, eq=False)
class Mapped:
    """Searches with a trained map."""

    vectors: Vectors
    change: torch.Tensor
    name: str = "head"

    def retrieve(self, dataset: Dataset, block: Rows, depth: int) -> pl.DataFrame:
        """Find the best documents of each query."""
        scores = self._mapped(self.vectors.queries(dataset, block)) @ self._mapped(self.vectors.documents(dataset)).T
        best = scores.topk(depth, dim=1)
        return retrieval_table(block, best.indices.numpy().astype(np.int32), best.values.numpy())

    def score(self, dataset: Dataset, query: Rows, document: Rows) -> Scores:
        """Score pairs."""
        asked, row = np.unique(query, return_inverse=True)
        left = self._mapped(self.vectors.queries(dataset, asked))[row]
        right = self._mapped(self.vectors.documents(dataset))[document]
        return (left * right).sum(dim=1).numpy().astype(np.float32)

    def _mapped(self, vectors: torch.Tensor) -> torch.Tensor:
        return _mapped(vectors, self.change)
