"""Trials of search, and of what mining does besides."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from jaxtyping import Float32, Int64

from hardneg.data.dataset import Dataset
from hardneg.forecast.clock import cost
from hardneg.forecast.sizes import Sizes
from hardneg.forecast.texts import Texts

if TYPE_CHECKING:
    from hardneg.search.analyzers import Analyzer
    from hardneg.search.bm25 import BM25Index

_MOST_BYTES = 1 << 28  # of vectors
_DROPOUT = 0.2  # a repeated text loses this share of its words, so that copies differ
_SEED = 0x9106E


def vectors(texts: Texts, given: dict[str, Any], sizes: Sizes) -> dict[str, Any]:  # noqa: ARG001 - all get texts
    """Search vectors among few and among more documents.

    Args:
        texts: Not needed.
        given: `dim` and `depth`.
        sizes: How many.

    Returns:
        `query_s` and `memory_gb`, each at two numbers of documents; `base_gb`, the process before.
    """
    from hardneg.search.exact import exact_topk

    dim, depth = given["dim"], given["depth"]
    most = max(min(sizes.vectors, _MOST_BYTES // (4 * dim)), 1_024)
    queries, documents = _towers(sizes.queries, most, dim)
    exact_topk(queries[:64], documents[:256], min(depth, 256))  # compiles
    base = cost(lambda: None).peak_gb
    found: dict[str, Any] = {"query_s": [], "memory_gb": [], "base_gb": base - documents.nbytes / 1e9}
    for n in (most // 4, most):
        part = documents[:n]
        spent = cost(partial(exact_topk, queries, part, depth), repeats=2)
        found["query_s"].append((n, spent.wall_s / len(queries)))
        found["memory_gb"].append((n, spent.peak_gb - (documents.nbytes - part.nbytes) / 1e9))
    return found


def bm25(texts: Texts, given: dict[str, Any], sizes: Sizes) -> dict[str, Any]:
    """Index few and more documents, and search them.

    Args:
        texts: What to index and to search for.
        given: `depth`.
        sizes: How many.

    Returns:
        `document_s`; `query_s` and `memory_gb`, each at two numbers of documents; `base_gb`, the process before.
    """
    from hardneg.search.analyzers import analyzer
    from hardneg.search.bm25 import BM25Index

    depth, english = given["depth"], analyzer("english")
    queries = _copies(texts.queries, sizes.queries)
    documents = pl.Series("text", _copies(texts.documents, sizes.indexed), pl.String)
    BM25Index.build(documents[:256], english).search(queries[:64], 8)  # compiles
    found: dict[str, Any] = {"query_s": [], "memory_gb": [], "base_gb": cost(lambda: None).peak_gb}
    for n in (sizes.indexed // 2, sizes.indexed):
        built: list[BM25Index] = []
        indexing = cost(partial(_index, documents[:n], english, built))
        searching = cost(partial(built[0].search, queries, depth), repeats=2)
        found["document_s"] = indexing.wall_s / n
        found["query_s"].append((n, searching.wall_s / len(queries)))
        found["memory_gb"].append((n, max(indexing.peak_gb, searching.peak_gb)))
    return found


def mining(texts: Texts, given: dict[str, Any], sizes: Sizes) -> dict[str, Any]:
    """Mine a block with the default filters, and take off what the search took.

    Args:
        texts: What to mine.
        given: `sources`, `dim`, `depth` and `per_query`.
        sizes: How many.

    Returns:
        `query_s` and `query_bytes` of filtering, choosing and writing; `block_gb`, what a block takes; `base_gb`, the
        process before; `document_s`
        of reading the dataset.
    """
    from hardneg.data.reading import read_dataset
    from hardneg.filters import Filter, NearDuplicate, PositiveMargin
    from hardneg.negatives import Selection
    from hardneg.pipeline.mining import mine
    from hardneg.sources import BM25, Source, Vectors

    depth, wanted = given["depth"], given["sources"]
    with TemporaryDirectory() as folder:
        place = Path(folder)
        _dataset(texts, sizes).write(place / "data")
        queries, documents = _towers(sizes.queries, sizes.mined, given["dim"] or 8)
        np.save(place / "queries.npy", queries)
        np.save(place / "documents.npy", documents)
        base = cost(lambda: None).peak_gb
        read: list[Dataset] = []
        reading = cost(lambda: read.append(read_dataset(place / "data")))
        dataset = read[0]
        known: dict[str, Source] = {
            "bm25": BM25(),
            "vectors": Vectors(place / "documents.npy", place / "queries.npy", name="vectors"),
        }
        sources = [known["bm25" if name == "bm25" else "vectors"] for name in wanted]
        filters: list[Filter] = [NearDuplicate(), PositiveMargin(ratio=0.95, score=sources[-1].name)]
        select = Selection(per_query=given["per_query"])
        few = dataset.queries_of("train")[:64]

        def run(out: Path) -> None:
            mine(dataset, sources=sources, filters=filters, select=select, depth=depth, out=out)

        for source in sources:
            source.retrieve(dataset, few, depth)  # builds what is built once
        run(place / "first")  # compiles
        block = dataset.queries_of("train")
        searching = sum(cost(partial(one.retrieve, dataset, block, depth)).wall_s for one in sources)
        before = cost(lambda: None).peak_gb
        spent = cost(lambda: run(place / "mined"))
        size = sum(path.stat().st_size for path in (place / "mined").rglob("*.parquet"))
    return {
        "query_s": max(spent.wall_s - searching, 0.0) / len(block),
        "query_bytes": size / len(block),
        "base_gb": base,
        "block_gb": max(spent.peak_gb - before, 0.0),
        "document_s": reading.wall_s / sizes.mined,
    }


def _index(documents: pl.Series, english: "Analyzer", built: "list[BM25Index]") -> None:
    from hardneg.search.bm25 import BM25Index

    built.append(BM25Index.build(documents, english))


def _dataset(texts: Texts, sizes: Sizes) -> Dataset:
    """Make a dataset whose queries have one answer each."""
    queries, documents = _copies(texts.queries, sizes.queries), _copies(texts.documents, sizes.mined)
    answers = _answers(sizes.queries, sizes.mined)
    ids = [f"q{i}" for i in range(sizes.queries)]
    labels = {"query_id": ids, "doc_id": [f"d{i}" for i in answers], "relevance": [1] * len(ids)}
    return Dataset.from_tables(
        pl.DataFrame({"id": ids, "text": queries}),
        pl.DataFrame({"id": [f"d{i}" for i in range(sizes.mined)], "text": documents}),
        pl.DataFrame({**labels, "split": ["train"] * len(ids)}),
        name="trial",
    )


def _answers(n_queries: int, n_documents: int) -> Int64[np.ndarray, " queries"]:
    return np.random.default_rng(_SEED).integers(0, n_documents, n_queries)


def _towers(
    n_queries: int, n_documents: int, dim: int
) -> tuple[Float32[np.ndarray, "queries dim"], Float32[np.ndarray, "documents dim"]]:
    """Make vectors of unit length in which each query is near its answer."""
    random = np.random.default_rng(_SEED)
    documents = _unit(random.standard_normal((n_documents, dim), dtype=np.float32))
    noise = random.standard_normal((n_queries, dim), dtype=np.float32) / np.float32(dim**0.5)
    return _unit(documents[_answers(n_queries, n_documents)] + noise), documents


def _unit(vectors: Float32[np.ndarray, "rows dim"]) -> Float32[np.ndarray, "rows dim"]:
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _copies(texts: list[str], wanted: int) -> list[str]:
    """Repeat texts until there are enough; each copy loses some of its words."""
    random, made = np.random.default_rng(_SEED), texts[:wanted]
    for number in range(len(made), wanted):
        words = texts[number % len(texts)].split()
        kept = [word for word, keep in zip(words, random.random(len(words)) >= _DROPOUT, strict=True) if keep]
        made.append(" ".join(kept) or texts[number % len(texts)])
    return made
