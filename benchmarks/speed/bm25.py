"""BM25: indexing and searching, against bm25s, tantivy and rank_bm25.

    python benchmarks/speed/bm25.py --data FOLDER --peers PYTHON

Texts are those of `corpus.py`, kept in the cache folder from one run to the next. Each engine in a process of its own
indexes the raw texts with English analysis (lower case, stop words, Snowball stems; each has its own list of stop
words and its own idea of a word) and answers all queries at once on all cores, after a small warm-up that keeps
compilation out of the figures. bm25s and tantivy also run with the tokens that they make if nobody says otherwise
(bm25s: stop words but no stems; tantivy: neither). rank_bm25 is so slow that it gets a fiftieth of the documents and
a few queries.

Exactness: each engine indexes the same ready terms of the first documents, and its best documents for queries without
repeated terms are compared with BM25 in float64 by the textbook, ties by position, under the engine's own k1 and b.
"""

import argparse
import os
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measure import Bar, Figures, Work, call, in_one, parser, peak_mb, write_result

QUERIES, DOCUMENTS, DEPTH = 20_000, 1_000_000, 100
EXACT_QUERIES, EXACT_DOCUMENTS = 200, 100_000
SLOW_QUERIES, SLOW_DOCUMENTS = 10, 20_000
HERE = Path(__file__)
PEER = HERE.with_name("peers_bm25.py")
TIMES = ("index_s", "search_s")


def main(arguments: list[str] | None = None) -> None:
    options = parser(__doc__).parse_args(arguments)
    scale = 1_000 if options.tiny else 1
    sizes = {"queries": QUERIES // scale, "documents": DOCUMENTS // scale, "depth": DEPTH}
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) if options.tiny else _kept(options.data)
        if not (folder / "queries.txt").exists():
            call(Work(HERE, "make"), sizes | {"data": str(options.data), "to": str(folder)}, options)
        given = sizes | {"texts": str(folder), "out": root, "ready": False}
        measured = _in_turn(_contenders(options), given, options)
        exact = given | {"ready": True, "documents": EXACT_DOCUMENTS // scale, "queries": EXACT_QUERIES}
        engines = [name for name, work in _contenders(options).items() if "tokens" not in work.given]
        for name in engines:
            work = _contenders(options)[name]
            call(work, exact, options)
            found = call(Work(HERE, "compare"), exact | {"k1": 1.2 if name == "tantivy" else 1.5}, options)
            measured[name] = found | measured[name]  # seconds and memory are those of the large work
        measured |= _smaller(given, options)
    bars, fastest = [], [one["search_s"] for name, one in measured.items() if name in engines and name != "hardneg"]
    if fastest:
        bars = [
            Bar("times the faster of bm25s and tantivy, searching", min(fastest) / measured["hardneg"]["search_s"], 1),
            Bar("times bm25s, indexing", measured["bm25s"]["index_s"] / measured["hardneg"]["index_s"], 3),
        ]
    write_result(
        options,
        row="bm25",
        what="BM25 mining",
        work=f"{sizes['queries']:,} queries x {sizes['documents']:,} documents, depth {DEPTH}; real ones, "
        "repeated with a fifth of the words dropped",
        measured=measured,
        bars=bars,
        checks={"the best documents in order, as the textbook has them": measured["hardneg"]["exact_lists"] == 1},
    )


def _kept(data: Path) -> Path:
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "hardneg-speed"
    folder = (
        root / f"bm25-{DOCUMENTS}-{QUERIES}-{'-'.join(sorted(path.parent.name for path in data.glob('*/corpus*')))}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _contenders(options: argparse.Namespace) -> dict[str, Work]:
    found = {"hardneg": Work(HERE, "hardneg")}
    if options.peers:
        for name in ("bm25s", "tantivy"):
            found[name] = Work(PEER, name, python=options.peers)
            found[f"{name}, its default tokens"] = Work(PEER, name, python=options.peers, given={"tokens": "default"})
    return found


def _in_turn(works: dict[str, Work], given: Figures, options: argparse.Namespace) -> dict[str, Figures]:
    runs: dict[str, list[Figures]] = {name: [] for name in works}
    for _ in range(1 if options.tiny else options.repeats):
        for name, work in works.items():
            runs[name].append(call(work, given, options))
    return {name: _with_rates(in_one(of_one), of_one, given) for name, of_one in runs.items()}


def _with_rates(one: Figures, runs: list[Figures], given: Figures) -> Figures:
    middle = {what: round(median(run[what] for run in runs), 3) for what in TIMES}
    each = {f"each_{what}": [round(run[what], 3) for run in runs] for what in TIMES}
    return one | middle | each | {"queries_per_s": round(given["queries"] / middle["search_s"], 1)}


def _smaller(given: Figures, options: argparse.Namespace) -> dict[str, Figures]:
    """Measure a tenth of the queries and of the documents, and the engine that could not do more."""
    works = {
        "hardneg, a tenth of the queries": (Work(HERE, "hardneg"), {"queries": max(given["queries"] // 10, 1)}),
        "hardneg, a tenth of the documents": (Work(HERE, "hardneg"), {"documents": max(given["documents"] // 10, 1)}),
    }
    if options.peers:
        few = {"queries": SLOW_QUERIES, "documents": SLOW_DOCUMENTS}
        works["rank_bm25, a fiftieth of the documents"] = (Work(PEER, "rank_bm25", python=options.peers), few)
    return {name: _in_turn({name: work}, given | size, options)[name] for name, (work, size) in works.items()}


def make(given: Figures) -> Figures:
    """Write texts, one a line, and the first ones as ready terms."""
    import corpus
    from hardneg.search.analyzers import analyzer

    english, folder = analyzer("english"), Path(given["to"])

    def terms(text: str) -> list[str]:
        return [term for of_word in english.terms(re.findall(english.pattern, text)) for term in of_word]

    documents = corpus.documents(Path(given["data"]), given["documents"])
    queries = corpus.queries(Path(given["data"]), given["queries"])
    ready = [" ".join(terms(text)) for text in documents[:EXACT_DOCUMENTS]]
    # tantivy counts a word that stands twice in a query once, others twice.
    distinct = [" ".join(dict.fromkeys(terms(text))) for text in queries[:EXACT_QUERIES]]
    written = {"documents": documents, "ready_documents": ready, "ready_queries": distinct, "queries": queries}
    for name, lines in written.items():
        (folder / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")
    return {}


def hardneg(given: Figures) -> Figures:
    """Index and search."""
    import numpy as np
    import polars as pl

    from hardneg.search.analyzers import Analyzer, analyzer
    from hardneg.search.bm25 import BM25Index
    from peers_bm25 import lines

    how = Analyzer("ready", pattern=r"\S+") if given["ready"] else analyzer("english")
    documents, queries = pl.Series(lines(given, "documents"), dtype=pl.String), lines(given, "queries")
    texts_mb = peak_mb()
    BM25Index.build(documents[:1_000], how).search(queries[:20], given["depth"])
    started = time.perf_counter()
    index = BM25Index.build(documents, how)
    index_s = time.perf_counter() - started
    started = time.perf_counter()
    found, score = index.search(queries, given["depth"])
    search_s = time.perf_counter() - started
    np.savez(Path(given["out"]) / "found.npz", found=found, score=score)
    return {"seconds": index_s + search_s, "index_s": index_s, "search_s": search_s, "texts_mb": texts_mb}


def compare(given: Figures) -> Figures:
    """Compare what an engine found last with the textbook."""
    import numpy as np

    from peers_bm25 import lines

    with np.load(Path(given["out"]) / "found.npz") as kept:
        found, score = kept["found"], kept["score"]
    # tantivy keeps the factor k1 + 1 that does not change the order.
    factor = 2.2 if given["k1"] == 1.2 else 1.0
    same, as_good, error = [], [], [0.0]
    for row, true in enumerate(textbook(lines(given, "documents"), lines(given, "queries"), k1=given["k1"], b=0.75)):
        best = np.lexsort((np.arange(len(true)), -true))[: given["depth"]]
        best = best[true[best] > 0]
        is_found = (found[row] >= 0) & (score[row] > 0)
        own = found[row][is_found]
        same.append(np.array_equal(own, best))
        if len(own):
            as_good.append(np.mean(true[own] >= true[best[-1]] * (1 - 1e-6)) * min(len(own) / len(best), 1))
            error.append(np.max(np.abs(score[row][is_found] / factor / true[own] - 1)))
    return {
        "exact_lists": round(float(np.mean(same)), 4),
        "as_good_as_the_exact_last": round(float(np.mean(as_good)), 5),
        "largest_relative_score_error": float(f"{max(error):.1e}"),
    }


def textbook(documents: list[str], queries: list[str], *, k1: float, b: float) -> Iterator:
    """Score all documents for each query in float64: Lucene's BM25, term by term."""
    import numpy as np

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


if __name__ == "__main__":
    main()
