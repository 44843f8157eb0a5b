"""A dataset whose unlabelled answers look like the labelled ones, so that a classifier can learn them."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset

N_TOPICS, ANSWERS = 20, 6


def answer_toy(*, n_queries=120, labelled=3, judged=0, n_noise=80, groups=None) -> Dataset:
    """Query i asks for topic i % 20; all 6 documents of the topic answer it, `labelled` of them by label.

    Of the others `judged` are judged not relevant. Documents of noise share a word with a topic and answer nothing.
    """
    rng = np.random.default_rng(0)
    topics = [[f"t{topic}w{word}" for word in range(8)] for topic in range(N_TOPICS)]
    documents = [" ".join(rng.permutation(topic)[:6]) + f" d{i}" for topic in topics for i in range(ANSWERS)]
    documents += [" ".join([topics[rng.integers(N_TOPICS)][rng.integers(8)], f"n{i}", f"m{i}"]) for i in range(n_noise)]
    queries = [" ".join([*rng.permutation(topics[i % N_TOPICS])[:4], f"q{i}"]) for i in range(n_queries)]
    pairs = [
        (query, query % N_TOPICS * ANSWERS + int(which), int(place < labelled))
        for query in range(n_queries)
        for place, which in enumerate(rng.permutation(ANSWERS)[: labelled + judged])
    ]
    table = {"id": [f"q{i}" for i in range(n_queries)], "text": queries}
    return Dataset.from_tables(
        pl.DataFrame(table | ({} if groups is None else {"group": groups})),
        pl.DataFrame({"id": [f"d{i}" for i in range(len(documents))], "text": documents}),
        pl.DataFrame(
            [(f"q{q}", f"d{d}", relevance, "train") for q, d, relevance in pairs],
            schema=["query_id", "doc_id", "relevance", "split"],
            orient="row",
        ),
        name="answers",
    )


@dataclass(frozen=True)
class SharedWords:
    """Scores a pair by the share of the query's words that the document has: answers from 0.4 on, noise below."""

    name: str = "shared_words"

    def score(self, dataset, query, document):
        pairs = zip(dataset.query_texts.gather(query), dataset.document_texts.gather(document), strict=True)
        words = [(set(q.split()), set(d.split())) for q, d in pairs]
        return np.array([len(q & d) / len(q) for q, d in words], dtype=np.float32)

    def fingerprint(self):
        return "shared_words 1"
