"""Components as a user would write them, outside the package: one of each seam, with all that it may also offer."""

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from hardneg.errors import RecipeError
from hardneg.scoring.llm.cost import CostEstimate
from hardneg.sources.retrieval import retrieval_table

SEARCHED_WITH: list[str] = []  # models, as they were asked for


class TheirEncoder:
    """A two-tower model in its own few lines."""

    query_form = None

    def __init__(self, folder: str) -> None:
        from sentence_transformers import SentenceTransformer

        self.model = SentenceTransformer(folder, device="cpu")
        weights = (Path(folder) / "model.safetensors").read_bytes()
        self.fingerprint = f"theirs {hash(weights)}"

    def encode_queries(self, texts):
        return self.model.encode(texts, convert_to_numpy=True, show_progress_bar=False).astype(np.float32)

    encode_documents = encode_queries


@lru_cache(maxsize=2)
def _encoder(folder: str) -> TheirEncoder:
    return TheirEncoder(folder)


@dataclass(frozen=True)
class TheirDense:
    """Searches with a model by plain matrix products, and refuses a corpus that is too small for it."""

    model: str
    least_documents: int = 1
    name: str = "theirs"

    def retrieve(self, dataset, block, depth):
        SEARCHED_WITH.append(str(self.model))
        queries = self.encoder().encode_queries(dataset.query_texts.gather(block).to_list())
        product = queries @ self.encoder().encode_documents(dataset.document_texts.to_list()).T
        order = np.argsort(-product, axis=1, kind="stable")[:, :depth].astype(np.int32)
        return retrieval_table(block, order, np.take_along_axis(product, order, axis=1))

    def score(self, dataset, query, document):
        queries = self.encoder().encode_queries(dataset.query_texts.gather(query).to_list())
        return (queries * self.encoder().encode_documents(dataset.document_texts.gather(document).to_list())).sum(1)

    def with_model(self, model):
        return replace(self, model=model)

    def encoder(self):
        return _encoder(str(self.model))

    def check(self, dataset, queries, *, split):
        if dataset.n_documents < self.least_documents:
            raise RecipeError(f"{self.name}: {dataset.n_documents} documents for {len(queries)} queries of {split}")


@dataclass(frozen=True)
class UsualLength:
    """Refuses what is longer than candidates usually are, which it learns from the candidates that reach it."""

    fitted: str | None = None

    name: ClassVar[str] = "usual_length"
    exempts_judged: ClassVar[bool] = True

    def fit(self, practice, path):
        table = practice.candidates()
        free = table.filter(table["dropped_by"].is_null())
        most = float(practice.dataset.document_texts.str.len_chars().gather(free["document"]).quantile(0.8))
        path.write_text(json.dumps(most))
        return {"most": most, "candidates": free.height, "split": practice.split}

    def keep(self, candidates, dataset):
        most = json.loads(Path(self.fitted).read_text())
        return dataset.document_texts.str.len_chars().gather(candidates["document"]).to_numpy() <= most


@dataclass(frozen=True)
class PaidLengths:
    """Scores by length, for a cent a pair."""

    name: str = "lengths"

    squashed: ClassVar[bool] = False

    def score(self, dataset, query, document):
        lengths = dataset.document_texts.str.len_chars().gather(document).to_numpy()
        return (lengths / 1_000 + query % 2).astype(np.float32)

    def fingerprint(self):
        return "lengths"

    def estimate(self, dataset, query, document):
        return CostEstimate(len(query), 0, 0, 0, 0.01 * len(query))


@dataclass(frozen=True)
class Softplus:
    """log(1 + exp(hardest negative - positive))."""

    def __call__(self, matrix):
        import torch

        hardest = matrix.scores.masked_fill(~matrix.is_negative, -1.0).amax(dim=1)
        return torch.nn.functional.softplus(hardest - matrix.positive).mean()


@dataclass(frozen=True)
class NotAbove:
    """A mask that leaves out what scores above the positive by more than a margin."""

    margin: float = 0.1

    prepared: ClassVar[list[int]] = []

    def prepare(self, dataset, query):
        self.prepared.append(len(query))

    def fingerprint(self):
        return ""

    def keep(self, matrix, cells):
        return matrix.scores <= matrix.positive[:, None] + self.margin
