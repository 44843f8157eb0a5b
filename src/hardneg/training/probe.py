"""A few fixed pairs that are looked at during a run: do answers and suspected answers pull the same way?"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int32
from torch import Tensor

from hardneg.data.dataset import Dataset
from hardneg.randomness import bits
from hardneg.training.passes.embedding import TwoTowers
from hardneg.training.plan import TrainingData
from hardneg.training.symptoms.trend import MIN_STEPS

N_PAIRS = 32
MIN_PAIRS = 8
# Pairs among which those with the hardest negatives are looked for, where the table says how hard they are.
_N_LOOKED_AT = 8 * N_PAIRS
# A query's negatives to try where the table does not say which is the hardest.
_N_TRIED = 4
_CHOICE = 21
_LAYER = re.compile(r"\b(?:layers?|blocks?|h)\.(\d+)\.")


@dataclass(frozen=True, eq=False)
class Probe:
    """The pairs of a probe; no two share a query or a document, texts compared."""

    query: Int32[np.ndarray, " rows"]
    document: Int32[np.ndarray, " rows"]
    suspect: Int32[np.ndarray, "rows tried"]  # padded by repeating the first


def probe_steps(total: int) -> frozenset[int]:
    """Number the steps, from 0, before which a run is probed: the first, the middle and the last."""
    return frozenset((0, total // 2, total - 1)) if total >= MIN_STEPS else frozenset()


def choose_probe(data: TrainingData, negatives: pl.DataFrame | None, *, seed: int) -> Probe | None:
    """Choose the pairs of a probe and their suspects: mined negatives that are most likely answers.

    How likely is read from the first of these columns that the table has: `p_positive`, `teacher_score`,
    `score` less `positive_score`. Of some pairs in a seeded order, those with the highest value are taken. If
    it has none, pairs are taken in that order, each with a few of its negatives; the model tells which of them
    is the hardest.
    """
    if negatives is None or negatives.is_empty():
        return None
    ranked = _by_suspicion(negatives, seed)
    has_negative = np.isin(data.query, ranked["query"].to_numpy())
    pairs = _distinct(data, np.flatnonzero(has_negative), seed=seed, most=_N_LOOKED_AT)
    if len(pairs) < MIN_PAIRS:
        return None
    suspects = ranked.group_by("query").agg(pl.col("document").head(_N_TRIED), pl.col("suspicion").first())
    chosen = pl.DataFrame({"query": data.query[pairs], "positive": data.document[pairs]}).join(
        suspects, on="query", how="left", maintain_order="left"
    )
    has_suspicion = chosen["suspicion"].is_not_null().any()
    if has_suspicion:
        chosen = chosen.sort("suspicion", descending=True, nulls_last=True, maintain_order=True)
    chosen = chosen.head(N_PAIRS)
    width = 1 if has_suspicion else _N_TRIED
    suspect = [(documents * width)[:width] for documents in chosen["document"].to_list()]
    return Probe(chosen["query"].to_numpy(), chosen["positive"].to_numpy(), np.array(suspect, dtype=np.int32))


def _by_suspicion(negatives: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Order the negatives of each query: the most suspicious first, or at random where nothing tells."""
    schema = negatives.schema
    signals = [pl.col(name) for name in ("p_positive", "teacher_score") if name in schema]
    if "score" in schema and "positive_score" in schema:
        signals.append(pl.col("score") - pl.col("positive_score"))
    table = negatives.select(
        "query", "document", *(one.cast(pl.Float64).fill_nan(None).alias(f"{at}") for at, one in enumerate(signals))
    )
    filled = [f"{at}" for at in range(len(signals)) if table[f"{at}"].is_not_null().any()]
    suspicion = pl.col(filled[0]) if filled else pl.lit(None, dtype=pl.Float64)
    drawn = bits(seed, _CHOICE, negatives["query"].to_numpy(), negatives["document"].to_numpy())
    return (
        table.select("query", "document", suspicion.alias("suspicion"), pl.Series("drawn", drawn))
        .unique(["query", "document"], maintain_order=True)
        .sort("suspicion", "drawn", descending=[True, False], nulls_last=True)
    )


def _distinct(data: TrainingData, pairs: np.ndarray, *, seed: int, most: int) -> list[int]:
    """Take pairs in a seeded order, leaving out those whose query or document was taken, texts compared."""
    drawn = bits(seed, _CHOICE, data.query[pairs], data.document[pairs])
    queries: set[int] = set()
    documents: set[int] = set()
    chosen: list[int] = []
    for pair in pairs[np.argsort(drawn, kind="stable")].tolist():
        query = int(data.dataset.query_text_group[data.query[pair]])
        document = int(data.dataset.text_group[data.document[pair]])
        if query not in queries and document not in documents:
            queries.add(query)
            documents.add(document)
            chosen.append(pair)
        if len(chosen) == most:
            break
    return chosen


def measure_conflict(probe: Probe, dataset: Dataset, towers: TwoTowers) -> dict[str, float]:
    """Measure how far lowering the suspects' scores lowers the positives' as well.

    `conflict` is the cosine between the gradients of two means over the probe's pairs: of the score of the
    positive less that of an unrelated document, and of the score of the suspect less that of another
    unrelated document. Unrelated documents are positives of other pairs. They are taken off because the
    gradients of any two scores agree for the most part (a cosine of about 0.8 for random documents with
    MiniLM): what is left is what sets a document apart for its query. Gradients are those of the last layer.
    The model is left as it was, random numbers and gradients included.
    """
    texts = dataset.document_texts
    n_rows, n_tried = probe.suspect.shape
    with _undisturbed(towers):
        queries, documents = towers(
            dataset.query_texts.gather(probe.query).fill_null("").to_list(),
            texts.gather(np.concatenate([probe.document, probe.suspect.ravel()])).fill_null("").to_list(),
        )
        positive = documents[:n_rows]
        tried = torch.einsum("rd,rtd->rt", queries, documents[n_rows:].view(n_rows, n_tried, -1))
        suspect, positive_score = tried.amax(dim=1), _rows(queries, positive)
        if not positive_score.requires_grad:
            return {}
        pulled = _gradient(positive_score - _rows(queries, positive.roll(1, dims=0)), towers)
        pushed = _gradient(suspect - _rows(queries, positive.roll(2, dims=0)), towers)
        cosine = torch.nn.functional.cosine_similarity(pulled, pushed, dim=0, eps=0.0)
    if not torch.isfinite(cosine):
        return {}
    return {"conflict": float(cosine), "suspects_above": float((suspect > positive_score).float().mean())}


def _rows(a: Float[Tensor, "rows dim"], b: Float[Tensor, "rows dim"]) -> Float[Tensor, " rows"]:
    return (a * b).sum(dim=1)


def _gradient(scores: Float[Tensor, " rows"], towers: TwoTowers) -> Float[Tensor, " weights"]:
    weights = _last_layer(towers)
    gradients = torch.autograd.grad(scores.mean(), weights, retain_graph=True, allow_unused=True)
    dense = [torch.zeros_like(w) if g is None else g.to_dense() for g, w in zip(gradients, weights, strict=True)]
    return torch.cat([gradient.flatten().float() for gradient in dense])


def _last_layer(towers: TwoTowers) -> Sequence[Tensor]:
    """Find the trained weights of the last numbered layer; of a model without layers, its last matrix."""
    trained = [(name, weight) for name, weight in towers.named_parameters() if weight.requires_grad]
    number = {name: int(match[1]) for name, _ in trained if (match := _LAYER.search(name))}
    if number:
        return [weight for name, weight in trained if number.get(name) == max(number.values())]
    return [weight for _, weight in trained if weight.ndim > 1][-1:] or [weight for _, weight in trained]


@contextmanager
def _undisturbed(towers: TwoTowers) -> Iterator[None]:
    """Run a block without dropout; leave random numbers and the mode of each module as they were."""
    modes = [(module, module.training) for module in towers.modules()]
    device = towers.model.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        towers.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training
