"""Scores of pairs with the weights as they are in the middle of training."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import polars as pl
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from jaxtyping import Float32, Int32

from hardneg.data.dataset import Dataset
from hardneg.models.sentence_transformer import SentenceTransformerEncoder
from hardneg.search.exact import pair_scores
from hardneg.training.passes.embedding import TwoTowers

_BLOCK = 1_024


def live_scores(
    towers: torch.nn.Module,
    accelerator: Accelerator,
    dataset: Dataset,
    query: Int32[np.ndarray, " rows"],
    document: Int32[np.ndarray, " rows"],
) -> Float32[np.ndarray, " rows"]:
    """Score pairs as a step would, without dropout and without a gradient."""
    score = np.zeros(len(query), dtype=np.float32)
    if accelerator.is_main_process:
        plain: TwoTowers = accelerator.unwrap_model(towers)
        distinct_queries, query_row = np.unique(query, return_inverse=True)
        distinct, row = np.unique(document, return_inverse=True)
        with _evaluating(plain):
            encoder = SentenceTransformerEncoder(plain.model, "fp32")
            queries = _encoded(encoder.encode_queries, dataset.query_texts.gather(distinct_queries))
            documents = _encoded(encoder.encode_documents, dataset.document_texts.gather(distinct))
        score = pair_scores(queries, documents, query_row.astype(np.int32), row.astype(np.int32))
    told: torch.Tensor = broadcast(torch.from_numpy(score).to(accelerator.device))
    return told.cpu().numpy()


def _encoded(
    encode: Callable[[list[str]], Float32[np.ndarray, "texts dim"]], texts: pl.Series
) -> Float32[np.ndarray, "texts dim"]:
    parts = texts.fill_null("")
    return np.concatenate([encode(parts.slice(at, _BLOCK).to_list()) for at in range(0, len(parts), _BLOCK)])


@contextmanager
def _evaluating(towers: TwoTowers) -> Iterator[None]:
    training = towers.model.training
    towers.model.eval()
    try:
        with torch.autocast(towers.model.device.type, dtype=torch.bfloat16, enabled=towers.bf16):
            yield
    finally:
        towers.model.train(training)
