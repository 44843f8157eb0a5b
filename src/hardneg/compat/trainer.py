"""Losses of hardneg inside the trainer of sentence-transformers: label-aware, for a collator carries who is who."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int64
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.data_collator import SentenceTransformerDataCollator
from torch import Tensor

from hardneg.components import taken
from hardneg.data.dataset import Dataset
from hardneg.errors import MissingExtraError, RunError
from hardneg.exports.chosen import choose
from hardneg.losses.protocol import Loss
from hardneg.losses.score_matrix import ScoreMatrix
from hardneg.pipeline.joined import Negatives, join
from hardneg.place import Place
from hardneg.training.masks import Cells, Mask, narrow
from hardneg.training.pool.pool import Batch, build_pool
from hardneg.training.settings import ROOMS

if TYPE_CHECKING:
    import datasets

COLUMN = "hardneg"
_PLACE = Place(Path("LabelAwareLoss"))


def training_rows(
    dataset: Dataset | None, negatives: Negatives, *, n_negatives: int | None = None, scores: bool = False
) -> "tuple[datasets.Dataset, Dataset]":
    """Give rows for the trainer that know which texts they hold, and the dataset that a loss asks for labels.

    Args:
        dataset: The dataset that the negatives were mined from; None takes what they say of it.
        negatives: What `hardneg.mine` returned, a run folder, or a table.
        n_negatives: Negatives of each row; queries with fewer are left out. None insists that all have as many.
        scores: Whether to add `scores`, the positive's first, for losses that learn from them.

    Returns:
        Columns `anchor`, `positive`, `negative_1` … and `hardneg`, positions of the texts before it; and the dataset,
        with what mining found as labels.

    Raises:
        MissingExtraError: `datasets` is not installed.
        RunError: Queries have unequal numbers of negatives, or none has enough.
    """
    try:
        from datasets import Dataset as Table
    except ImportError as error:
        raise MissingExtraError("datasets", extra="hub", purpose="rows for a trainer") from error
    joined = join("training_rows", dataset, negatives, split=None, allow_other_data=False)
    chosen = choose(
        joined.dataset,
        joined.negatives,
        split=joined.split,
        scores=scores,
        ids=False,
        even=True,
        n_negatives=n_negatives,
        found=None,
    )
    scored = [pl.col("positive_score").head(1).append(pl.col("score")).alias("scores")] if scores else []
    lists = chosen.negatives.group_by("query", maintain_order=True).agg("document", *scored)
    rows = chosen.pairs.join(lists, on="query", how="left", maintain_order="left")
    assert chosen.width is not None
    texts = joined.dataset.document_texts
    columns = {"anchor": joined.dataset.query_texts.gather(rows["query"]), "positive": texts.gather(rows["positive"])}
    for at in range(chosen.width):
        columns[f"negative_{at + 1}"] = texts.gather(rows["document"].list.get(at))
    known_rows = rows.select(pl.concat_list("query", "positive", "document").cast(pl.List(pl.Int64)))
    columns[COLUMN] = known_rows.to_series()
    columns |= {"scores": rows["scores"]} if scores else {}
    return Table.from_polars(pl.DataFrame(columns)), joined.dataset


@dataclass
class IdCollator(SentenceTransformerDataCollator):  # type: ignore[misc]
    """The peer's collator, which passes on who is who beside the texts.

    Give it as `data_collator=IdCollator(preprocess_fn=model.preprocess)`.
    """

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        """Collate texts as the peer does, and put the positions of each column's texts beside its tokens."""
        if not features or COLUMN not in features[0]:
            return super().__call__(features)
        positions = torch.tensor([row[COLUMN] for row in features])
        texts = [{name: value for name, value in row.items() if name != COLUMN} for row in features]
        batch = super().__call__(texts)
        names = [name for name in texts[0] if name not in (*self.valid_label_columns, "dataset_name")]
        for at, name in enumerate(names):
            batch[f"{name}_{COLUMN}"] = positions[:, at]
        return batch


class LabelAwareLoss(torch.nn.Module):
    """A loss of hardneg over the whole batch, in which no answer of a query is one of its negatives.

    The peer's in-batch losses take each document of the batch but the row's own for a negative. Here the labels of the
    dataset decide, by text: another answer of the query, in whatever row, is left out, and equal texts are one.

    Args:
        model: The model that is trained.
        dataset: Whose labels count; `training_rows` gives it.
        loss: A loss of hardneg, or its name: "info_nce(temperature=0.02)".
        mask: What else is left out at each step: "own_score", "guide(model=…)", or None.
        in_batch: Whether documents of other rows are negatives.

    Raises:
        RecipeError: The loss or the mask is unknown.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        dataset: Dataset,
        *,
        loss: Loss | str = "info_nce",
        mask: Mask | str | None = None,
        in_batch: bool = True,
    ) -> None:
        super().__init__()
        self.model = model
        self.dataset = dataset
        self.loss: Loss = taken(ROOMS["loss"], loss, _PLACE.at("loss"))
        self.mask: Mask | None = None if mask is None else taken(ROOMS["mask"], mask, _PLACE.at("mask"))
        self.in_batch = in_batch
        self.cosine = model.similarity_fn_name == "cosine"

    def forward(self, features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """Compute the loss of a batch; the trainer calls it. A RunError if it does not say which texts it holds."""
        listed = [dict(each) for each in features]
        if any(COLUMN not in each for each in listed):
            raise RunError(
                "the batch does not say which texts it holds: take the rows of training_rows, and give the trainer "
                "data_collator=IdCollator(preprocess_fn=model.preprocess)"
            )
        at = np.stack([each.pop(COLUMN).cpu().numpy() for each in listed], axis=1)
        queries, *documents = (self._vectors(each) for each in listed)
        matrix = self._matrix(at, queries, documents, labels)
        return self.loss(matrix)

    def _vectors(self, feature: dict[str, Tensor]) -> Float[Tensor, "rows dim"]:
        vectors = self.model(feature)["sentence_embedding"]
        return torch.nn.functional.normalize(vectors, dim=1) if self.cosine else vectors

    def _matrix(
        self, at: Int64[np.ndarray, "rows columns"], queries: Tensor, documents: list[Tensor], labels: Tensor | None
    ) -> ScoreMatrix:
        n_rows, width = len(at), at.shape[1] - 2
        query, answers, negatives = (part.astype(np.int32) for part in (at[:, 0], at[:, 1], at[:, 2:].ravel()))
        batch = Batch(query, answers, np.repeat(np.arange(n_rows), width), negatives)
        pool = build_pool(self.dataset, batch, in_batch=self.in_batch, shared_negatives=self.in_batch)
        mined = [torch.stack(documents[1:], dim=1).flatten(0, 1)] if width else []
        vectors = torch.cat([documents[0], *mined])
        given = self.dataset.text_group[np.concatenate([answers, negatives])]
        _, first, column = np.unique(given, return_index=True, return_inverse=True)
        device = queries.device
        matrix = ScoreMatrix(
            scores=queries @ vectors[torch.from_numpy(first).to(device)].T,
            target=torch.from_numpy(pool.target).to(device),
            allowed=torch.from_numpy(pool.allowed).to(device),
            teacher=None if labels is None else _teacher(labels, column, n_rows, len(first)),
        )
        if self.mask is None:
            return matrix
        return narrow(matrix, self.mask, Cells(self.dataset, query, pool.document))


def _teacher(
    labels: Float[Tensor, "rows columns"], column: Int64[np.ndarray, " documents"], n_rows: int, n_pool: int
) -> Float[Tensor, "rows pool"]:
    """Put scores, the positive's first, into the columns of their documents; elsewhere is no number."""
    teacher = torch.full((n_rows, n_pool), torch.nan, device=labels.device, dtype=torch.float32)
    width = labels.shape[1] - 1
    rows = torch.arange(n_rows, device=labels.device)
    at = torch.from_numpy(column.astype(np.int64)).to(labels.device)
    teacher[rows, at[:n_rows]] = labels[:, 0].float()
    teacher[rows.repeat_interleave(width), at[n_rows:]] = labels[:, 1:].flatten().float()
    return teacher
