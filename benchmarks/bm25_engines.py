"""Compare engines for BM25: speed, memory and exactness on a large corpus made of real ones.

    python benchmarks/bm25_engines.py --data data > engines.json

`--data` holds BEIR folders. Their documents are repeated until there are enough; each copy loses a seeded
fifth of its words, so that copies differ in terms and length. Queries are real ones, drawn with a seed.

Speed and memory: each engine in a process of its own indexes the raw texts with its own English analysis
(stop words, Snowball stems) and answers all queries at depth 100 on all cores, after one small warm-up that
keeps compilation out of the figures; time is given by the clock and by the processor, which other work on the
machine disturbs less. Peak memory counts the texts, which all engines get in the same form.

Exactness: each engine indexes the same ready terms of the first documents, and its top 100 for queries without
repeated terms is compared with BM25 in float64 by the textbook, with ties by position, under the engine's own k1
and b.
"""

import argparse
import gzip
import json
import multiprocessing
import re
import resource
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl

DEPTH = 100
DROPOUT = 0.2
Search = Callable[[list[str]], tuple[np.ndarray, np.ndarray]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of BEIR folders")
    parser.add_argument("--documents", type=int, default=500_000)
    parser.add_argument("--queries", type=int, default=3_000)
    parser.add_argument("--exact-documents", type=int, default=100_000)
    parser.add_argument("--exact-queries", type=int, default=200)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tables = Path(folder)
        facts = write_tables(options, tables)
        results = {name: in_own_process(measure_speed, name, tables) for name in options.engines}
        for name in options.engines:
            results[name] |= in_own_process(measure_exactness, name, tables)
        print(json.dumps({"corpus": facts, "engines": results}, indent=2))


def write_tables(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Write texts and terms as Parquet, and describe them."""
    random = np.random.default_rng(options.seed)
    folders = sorted(path.parent for path in options.data.glob("*/corpus.jsonl*"))
    originals = [f"{row.get('title') or ''} {row['text']}".strip() for path in folders for row in read(path, "corpus")]
    queries = [row["text"] for path in folders for row in read(path, "queries")]
    queries = [queries[i] for i in random.permutation(len(queries))[: options.queries]]
    documents = list(copies(originals, options.documents, random))
    order = random.permutation(len(documents))
    documents = [documents[i] for i in order]
    pl.DataFrame({"text": documents}).write_parquet(folder / "documents.parquet")
    pl.DataFrame({"text": queries}).write_parquet(folder / "queries.parquet")
    ready = pl.DataFrame({"text": [terms(text) for text in documents[: options.exact_documents]]})
    ready.write_parquet(folder / "ready_documents.parquet")
    ready = pl.DataFrame({"text": [distinct(terms(text)) for text in queries[: options.exact_queries]]})
    ready.write_parquet(folder / "ready_queries.parquet")
    return {
        "folders": len(folders),
        "originals": len(originals),
        "documents": len(documents),
        "queries": len(queries),
        "words_per_document": round(float(np.mean([text.count(" ") + 1 for text in documents])), 1),
        "words_per_query": round(float(np.mean([text.count(" ") + 1 for text in queries])), 1),
    }


def read(folder: Path, name: str) -> Iterator[dict[str, str]]:
    path = next(iter(folder.glob(f"{name}.jsonl*")))
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def copies(originals: list[str], wanted: int, random: np.random.Generator) -> Iterator[str]:
    for number in range(wanted):
        words = originals[number % len(originals)].split()
        if number >= len(originals):
            words = [word for word, keep in zip(words, random.random(len(words)) >= DROPOUT, strict=True) if keep]
        yield " ".join(words)


def terms(text: str) -> str:
    """Cut a text into the terms of our English analysis, joined by spaces."""
    from hardneg.search.analyzers import analyzer

    english = analyzer("english")
    return " ".join(term for of_word in english.terms(re.findall(english.pattern, text)) for term in of_word)


def distinct(text: str) -> str:
    """Keep the first of each word: tantivy counts a word that stands twice in a query once, others twice."""
    return " ".join(dict.fromkeys(text.split()))


def in_own_process(function: Callable[[str, Path], dict[str, float]], name: str, folder: Path) -> dict[str, float]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, name, folder).result()


def measure_speed(name: str, folder: Path) -> dict[str, float]:
    build = ENGINES[name]
    queries = pl.read_parquet(folder / "queries.parquet")["text"].to_list()
    documents = pl.read_parquet(folder / "documents.parquet")["text"].to_list()
    texts_mb = peak_mb()
    start = time.perf_counter()
    build(documents[:1_000], ready=False)(queries[:20])
    warm_up_s = time.perf_counter() - start
    start, start_cpu = time.perf_counter(), time.process_time()
    search = build(documents, ready=False)
    index_s, index_cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    start, start_cpu = time.perf_counter(), time.process_time()
    search(queries)
    search_s, search_cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    return {
        "warm_up_s": round(warm_up_s, 1),
        "index_s": round(index_s, 1),
        "index_cpu_s": round(index_cpu_s, 1),
        "queries_per_s": round(len(queries) / search_s, 1),
        "queries_per_cpu_s": round(len(queries) / search_cpu_s, 1),
        "peak_mb": round(peak_mb()),
        "of_it_texts_mb": round(texts_mb),
    }


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_exactness(name: str, folder: Path) -> dict[str, float]:
    documents = pl.read_parquet(folder / "ready_documents.parquet")["text"].to_list()
    queries = pl.read_parquet(folder / "ready_queries.parquet")["text"].to_list()
    found, score = ENGINES[name](documents, ready=True)(queries)
    k1, factor = (1.2, 2.2) if name == "tantivy" else (1.5, 1.0)
    oracle = textbook(documents, queries, k1=k1, b=0.75)
    same_order, as_good, error = [], [], []
    for row, true in enumerate(oracle):
        best = np.lexsort((np.arange(len(true)), -true))[:DEPTH]
        best = best[true[best] > 0]
        own = found[row][(found[row] >= 0) & (score[row] > 0)]
        same_order.append(np.array_equal(own, best))
        if len(own):
            as_good.append(np.mean(true[own] >= true[best[-1]] * (1 - 1e-6)) * min(len(own) / len(best), 1))
            error.append(np.max(np.abs(score[row][: len(own)] / factor / true[own] - 1)))
    return {
        "queries_with_the_exact_list": round(float(np.mean(same_order)), 4),
        "share_as_good_as_the_exact_100th": round(float(np.mean(as_good)), 5),
        "largest_relative_score_error": float(f"{max(error):.1e}"),
    }


def textbook(documents: list[str], queries: list[str], *, k1: float, b: float) -> Iterator[np.ndarray]:
    """Score all documents for each query in float64: Lucene's BM25, term by term."""
    lengths = np.array([len(text.split()) for text in documents], dtype=np.float64)
    norm = k1 * (1 - b + b * lengths / lengths.mean())
    wanted = {term for text in queries for term in text.split()}
    postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for document, text in enumerate(documents):
        for term, tf in Counter(text.split()).items():
            if term in wanted:
                postings[term].append((document, tf))
    for text in queries:
        total = np.zeros(len(documents))
        for term, count in Counter(text.split()).items():
            if postings[term]:
                document, tf = np.array(postings[term]).T
                idf = np.log(1 + (len(documents) - len(tf) + 0.5) / (len(tf) + 0.5))
                total[document] += count * idf * tf / (tf + norm[document])
        yield total


def build_hardneg(documents: list[str], *, ready: bool) -> Search:
    from hardneg.search.analyzers import Analyzer, analyzer
    from hardneg.search.bm25 import BM25Index

    how = Analyzer("ready", pattern=r"\S+") if ready else analyzer("english")
    index = BM25Index.build(pl.Series(documents), how)
    return lambda queries: index.search(queries, DEPTH)


def build_bm25s(documents: list[str], *, ready: bool, backend: str) -> Search:
    import bm25s
    import Stemmer

    stem = Stemmer.Stemmer("english")

    def tokens(texts: list[str]) -> object:
        if ready:
            return [text.split() for text in texts]
        return bm25s.tokenize(texts, stopwords="en", stemmer=stem, show_progress=False)

    index = bm25s.BM25(backend=backend)
    index.index(tokens(documents), show_progress=False)
    threads = -1 if backend == "numba" else 0

    def search(queries: list[str]) -> tuple[np.ndarray, np.ndarray]:
        found, score = index.retrieve(tokens(queries), k=DEPTH, show_progress=False, n_threads=threads)
        return found, score

    return search


def build_bm25s_numpy(documents: list[str], *, ready: bool) -> Search:
    return build_bm25s(documents, ready=ready, backend="numpy")


def build_bm25s_numba(documents: list[str], *, ready: bool) -> Search:
    return build_bm25s(documents, ready=ready, backend="numba")


def build_tantivy(documents: list[str], *, ready: bool) -> Search:
    import tantivy

    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace() if ready else tantivy.Tokenizer.simple())
    if not ready:
        builder = builder.filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.stopword("english"))
        builder = builder.filter(tantivy.Filter.stemmer("english"))
    fields = tantivy.SchemaBuilder()
    fields.add_text_field("text", tokenizer_name="own", index_option="freq")
    fields.add_integer_field("position", fast=True)
    index = tantivy.Index(fields.build())  # in memory, like the others
    index.register_tokenizer("own", builder.build())
    writer = index.writer(heap_size=500_000_000)
    for position, text in enumerate(documents):
        writer.add_document(tantivy.Document(text=text, position=position))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def search_one(query: str) -> tuple[np.ndarray, np.ndarray]:
        words = query if ready else " ".join(re.findall(r"\w+", query.lower()))
        parsed, _ = index.parse_query_lenient(words, ["text"])
        hits = searcher.search(parsed, DEPTH, count=False).hits
        found, score = np.full(DEPTH, -1), np.zeros(DEPTH)
        found[: len(hits)] = searcher.fast_field_values("position", [address for _, address in hits])
        score[: len(hits)] = [value for value, _ in hits]
        return found, score

    def search(queries: list[str]) -> tuple[np.ndarray, np.ndarray]:
        with ThreadPoolExecutor() as pool:
            found, score = zip(*pool.map(search_one, queries), strict=True)
        return np.stack(found), np.stack(score)

    return search


ENGINES: dict[str, Callable[..., Search]] = {
    "hardneg": build_hardneg,
    "bm25s_numba": build_bm25s_numba,
    "bm25s_numpy": build_bm25s_numpy,
    "tantivy": build_tantivy,
}

if __name__ == "__main__":
    main()
