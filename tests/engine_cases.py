"""A dataset with everything that some source or filter reads, and each of them, for tests of engines."""

import json

import numpy as np
import polars as pl

from answer_toy import SharedWords, answer_toy
from hardneg.data.dataset import Dataset
from hardneg.domains import DuplicateCode, EarlierTurns, LaterTurns
from hardneg.filters import (
    Empty,
    KnownPositives,
    Learned,
    NearDuplicate,
    PositiveMargin,
    PositivePercentile,
    QueryItself,
    RankWindow,
    ScoreRange,
    SharedValue,
    TeacherPercentile,
    TeacherThreshold,
)
from hardneg.sources import BM25, Approximate, Dense, Fused, Given, Judged, Random, Related, RunFile, Vectors
from tiny_model import build_tiny_model

BY_WORDS = BM25(analyzer="plain")


def full_toy() -> Dataset:
    """80 queries in conversations; documents with metadata and titles, one empty, one a query, some copies."""
    toy = answer_toy(n_queries=80, judged=1)
    at = pl.int_range(pl.len())
    queries = toy.queries.with_columns(conversation_id="c" + (at % 20).cast(pl.String), turn=at // 20)
    text = pl.when(at == 151).then(pl.lit("")).when(at == 152).then(pl.lit(toy.query_texts[0]))
    text = text.when(at >= 170).then(pl.col("text").shift(170) + " again").otherwise("text")
    documents = toy.documents.with_columns(
        text=text,
        title=pl.when(at % 3 == 0).then(pl.lit("About")),
        parent="p" + (at // 6).cast(pl.String),
        ast_hash="h" + (at % 50).cast(pl.String),
        symbol="s" + (at % 7).cast(pl.String),
        trivial=at % 5 == 0,
    )
    return Dataset(queries, documents, toy.qrels, name="full")


def sources_of(dataset, folder):
    """Make one of each source that needs no server, by name."""
    model = build_tiny_model(folder, [*dataset.query_texts, *dataset.document_texts])
    draw = np.random.default_rng(0)
    for kind, n in (("queries", dataset.n_queries), ("documents", dataset.n_documents)):
        np.save(folder / f"{kind}.npy", draw.standard_normal((n, 8), dtype=np.float32))
    asked = [(query, int(document)) for query in range(80) for document in draw.permutation(180)[:9]]
    lines = [
        f"q{query} Q0 d{document} {place % 9 + 1} {9 - place % 9} x" for place, (query, document) in enumerate(asked)
    ]
    (folder / "run.trec").write_text("\n".join(lines) + "\n")
    rows = [json.dumps({"query_id": f"q{query}", "doc_id": f"d{document}", "score": 1.0}) for query, document in asked]
    (folder / "given.jsonl").write_text("\n".join(rows) + "\n")
    vectors = Vectors(folder / "documents.npy", folder / "queries.npy")
    each = [BY_WORDS, Random(), Dense(model=model, precision="fp32"), vectors, Judged(), Related("parent")]
    each += [RunFile(folder / "run.trec"), Given(folder / "given.jsonl"), Fused(BY_WORDS, vectors), EarlierTurns()]
    each += [Approximate(vectors, pool=20)]
    return {source.name: source for source in each}


FILTERS = {
    filter_.name: filter_
    for filter_ in (
        KnownPositives(),
        QueryItself(),
        Empty(),
        NearDuplicate(threshold=0.5),
        RankWindow("bm25", low=3),
        PositiveMargin(ratio=0.9),
        PositivePercentile("bm25", percentile=30),
        ScoreRange("bm25", low=1.0),
        SharedValue("parent"),
        TeacherThreshold(SharedWords(), above=0.4),
        TeacherPercentile(SharedWords()),
        Learned(folds=2),
        DuplicateCode(),
        LaterTurns(),
    )
}
