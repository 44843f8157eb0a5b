"""Peers for BM25: bm25s, tantivy and rank_bm25; run by the peers' Python."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from measure import Figures, peak_mb

Found = tuple[np.ndarray, np.ndarray]
Search = Callable[[list[str]], Found]


def bm25s(given: Figures) -> Figures:
    """Index and search with bm25s, its Numba back end on all threads."""
    import bm25s as library
    import Stemmer

    stem = Stemmer.Stemmer("english") if given.get("tokens") != "default" else None

    def tokens(texts: list[str]) -> object:
        if given["ready"]:
            return [text.split() for text in texts]
        return library.tokenize(texts, stopwords="en", stemmer=stem, show_progress=False)

    def build(documents: list[str]) -> Search:
        index = library.BM25(backend="numba")
        index.index(tokens(documents), show_progress=False)

        def search(queries: list[str]) -> Found:
            depth = min(given["depth"], len(documents))
            return tuple(index.retrieve(tokens(queries), k=depth, show_progress=False, n_threads=-1))

        return search

    return _measured(build, given)


def tantivy(given: Figures) -> Figures:
    """Index and search with tantivy, an index in memory and as many threads asking as there are cores."""
    import tantivy as library

    def analyzer() -> library.TextAnalyzer:
        kinds = library.Tokenizer
        if given["ready"]:
            return library.TextAnalyzerBuilder(kinds.whitespace()).build()
        builder = library.TextAnalyzerBuilder(kinds.simple()).filter(library.Filter.lowercase())
        if given.get("tokens") != "default":
            builder = builder.filter(library.Filter.stopword("english")).filter(library.Filter.stemmer("english"))
        return builder.build()

    def build(documents: list[str]) -> Search:
        fields = library.SchemaBuilder()
        fields.add_text_field("text", tokenizer_name="own", index_option="freq")
        fields.add_integer_field("position", fast=True)
        index = library.Index(fields.build())
        index.register_tokenizer("own", analyzer())
        writer = index.writer(heap_size=500_000_000)
        for position, text in enumerate(documents):
            writer.add_document(library.Document(text=text, position=position))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        searcher = index.searcher()

        def search_one(query: str) -> Found:
            words = query if given["ready"] else " ".join(re.findall(r"\w+", query.lower()))
            parsed, _ = index.parse_query_lenient(words, ["text"])
            hits = searcher.search(parsed, given["depth"], count=False).hits
            found, score = np.full(given["depth"], -1), np.zeros(given["depth"])
            if hits:
                found[: len(hits)] = searcher.fast_field_values("position", [address for _, address in hits])
                score[: len(hits)] = [value for value, _ in hits]
            return found, score

        def search(queries: list[str]) -> Found:
            with ThreadPoolExecutor() as pool:
                found, score = zip(*pool.map(search_one, queries), strict=True)
            return np.stack(found), np.stack(score)

        return search

    return _measured(build, given)


def rank_bm25(given: Figures) -> Figures:
    """Index and search with rank_bm25: words between spaces, in lower case."""
    from rank_bm25 import BM25Okapi

    def build(documents: list[str]) -> Search:
        index = BM25Okapi([text.lower().split() for text in documents])

        def search(queries: list[str]) -> Found:
            scores = [index.get_scores(query.lower().split()) for query in queries]
            found = np.stack([np.argsort(-score, kind="stable")[: given["depth"]] for score in scores])
            return found, np.stack([score[best] for score, best in zip(scores, found, strict=True)])

        return search

    return _measured(build, given)


def lines(given: Figures, name: str) -> list[str]:
    """Read the first texts of a file with one a line, as ready terms if asked for."""
    path = Path(given["texts"]) / f"{'ready_' if given['ready'] else ''}{name}.txt"
    return path.read_text(encoding="utf-8").split("\n")[: given[name]]


def _measured(build: Callable[[list[str]], Search], given: Figures) -> Figures:
    documents, queries = lines(given, "documents"), lines(given, "queries")
    texts_mb = peak_mb()
    build(documents[:1_000])(queries[:20])
    started = time.perf_counter()
    search = build(documents)
    index_s = time.perf_counter() - started
    started = time.perf_counter()
    found, score = search(queries)
    search_s = time.perf_counter() - started
    np.savez(Path(given["out"]) / "found.npz", found=found, score=score)
    return {"seconds": index_s + search_s, "index_s": index_s, "search_s": search_s, "texts_mb": texts_mb}
