"""`mine_hard_negatives` of sentence-transformers with given vectors; run by the peers' Python."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
from datasets import Dataset
from sentence_transformers import util
from sentence_transformers.util import mine_hard_negatives

from measure import timed


class Given:
    """What `mine_hard_negatives` asks of a model; vectors are looked up by the number in the text."""

    device = "cpu"
    model_card_data = SimpleNamespace(base_model="given")
    similarity = staticmethod(util.cos_sim)
    similarity_pairwise = staticmethod(util.pairwise_cos_sim)

    def __init__(self, folder: Path) -> None:
        self.prompts: dict[str, str] = {}
        self.queries, self.documents = np.load(folder / "queries.npy"), np.load(folder / "documents.npy")

    def get_embedding_dimension(self) -> int:
        """Count the numbers of a vector."""
        return self.documents.shape[1]

    def encode_query(self, texts: list[str], convert_to_tensor: bool = False, **_options: object) -> object:
        """Look up queries."""
        return self._given(self.queries, texts, convert_to_tensor)

    def encode_document(self, texts: list[str], convert_to_tensor: bool = False, **_options: object) -> object:
        """Look up documents."""
        return self._given(self.documents, texts, convert_to_tensor)

    def _given(self, vectors: np.ndarray, texts: list[str], as_tensor: bool) -> object:
        import torch

        found = vectors[[int(text[1:]) for text in texts]]
        return torch.from_numpy(found) if as_tensor else found


def mine(given: dict) -> dict:
    """Mine three negatives a query below a relative margin of 0.05, with FAISS or without."""
    folder = Path(given["vectors"])
    model, positive = Given(folder), np.load(folder / "positive.npy")
    corpus = [f"d{n}" for n in range(len(model.documents))]
    pairs = Dataset.from_dict({"query": [f"q{n}" for n in range(len(positive))], "answer": [f"d{n}" for n in positive]})
    mined = {}
    seconds = timed(
        lambda: mined.update(
            result=mine_hard_negatives(
                pairs,
                model,
                corpus=corpus,
                num_negatives=3,
                relative_margin=0.05,
                range_max=99,
                sampling_strategy="top",
                use_faiss=given["use_faiss"],
                verbose=False,
            )
        )
    )
    first = {f"q{n}": [] for n in range(20)}
    for query, negative in zip(mined["result"]["query"], mined["result"]["negative"], strict=True):
        if query in first:
            first[query].append(int(negative[1:]))
    return {"seconds": seconds, "found": [document for documents in first.values() for document in documents]}
