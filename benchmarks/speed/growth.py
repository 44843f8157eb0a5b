"""Does mining take ten times as long for ten times as much, and no more memory for more queries?

    python benchmarks/speed/growth.py --data FOLDER

`hardneg mine` with given vectors, and with BM25: once as it is, once with ten times the queries, once with ten times
the documents. Time is that of the whole command without the start of Python. Memory is the peak without the files of
vectors, which are mapped. It is compared from two blocks of queries on: only then has the first one left its garbage.
"""

import json
import tempfile
from pathlib import Path

from measure import Bar, Work, alternate, call, parser, write_result

QUERIES, DOCUMENTS, DIM, TIMES, DEPTH = 8_192, 50_000, 384, 10, 100  # of depth the command's default
SIZES = {"as it is": (1, 1), "queries x 10": (TIMES, 1), "documents x 10": (1, TIMES)}
SOURCES = ("vectors", "bm25")
HERE = Path(__file__)


def main(arguments: list[str] | None = None) -> None:
    options = parser(__doc__).parse_args(arguments)
    scale = 400 if options.tiny else 1
    queries, documents = QUERIES // scale, DOCUMENTS // scale
    with tempfile.TemporaryDirectory() as root:
        for name, (more_queries, more_documents) in SIZES.items():
            wanted = {"queries": queries * more_queries, "documents": documents * more_documents}
            call(Work(HERE, "make"), wanted | {"data": str(options.data), "to": f"{root}/{name}"}, options)
        measured, mined = {}, {}
        for source in SOURCES:
            works = {
                f"{source}, {name}": Work(HERE, "mine", given={"dataset": f"{root}/{name}", "source": source})
                for name in SIZES
            }
            given = {"out": f"{root}/mined"}
            call(works[f"{source}, as it is"], given, options)  # compiles what is compiled once
            measured |= alternate(works, given, options)
            mined |= {name: measured[name].pop("first") for name in works}
    bars = [bar for source in SOURCES for bar in _bars(source, measured)]
    write_result(
        options,
        row="growth",
        what="growth",
        work=f"`hardneg mine`, {queries:,} queries x {documents:,} documents x {DIM}, depth {DEPTH}; ten times each",
        measured=measured,
        bars=bars,
        checks={
            f"{source}: the same candidates among ten times the queries": mined[f"{source}, as it is"]
            == mined[f"{source}, queries x 10"]
            for source in SOURCES
        },
    )


def _bars(source: str, measured: dict) -> list[Bar]:
    base, queries, documents = (measured[f"{source}, {name}"] for name in SIZES)
    return [
        Bar(f"of linear, {source}, queries x {TIMES}", queries["seconds"] / base["seconds"] / TIMES, 1.1, at_most=True),
        Bar(
            f"of linear, {source}, documents x {TIMES}",
            documents["seconds"] / base["seconds"] / TIMES,
            1.1,
            at_most=True,
        ),
        Bar(f"of the memory, {source}, queries x {TIMES}", _own_mb(queries) / _own_mb(base), 1.1, at_most=True),
    ]


def _own_mb(figures: dict) -> float:
    return figures["peak_mb"] - figures["vectors_mb"]


def make(given: dict) -> dict:
    """Write a dataset and vectors. Its first queries are the same however many there are."""
    import numpy as np
    import polars as pl

    import corpus
    from hardneg.data.dataset import Dataset

    folder, n_queries, n_documents = Path(given["to"]), given["queries"], given["documents"]
    documents = corpus.documents(Path(given["data"]), n_documents)
    queries = corpus.queries(Path(given["data"]), QUERIES * TIMES)[:n_queries]
    random = np.random.default_rng(0)
    document = random.standard_normal((n_documents, DIM), dtype=np.float32)
    document /= np.linalg.norm(document, axis=1, keepdims=True)
    positive = np.random.default_rng(1).integers(0, n_documents, QUERIES * TIMES)[:n_queries]
    query = document[positive] + np.random.default_rng(2).standard_normal((n_queries, DIM), dtype=np.float32) / DIM**0.5
    query /= np.linalg.norm(query, axis=1, keepdims=True)
    labels = {"query_id": [f"q{i}" for i in range(n_queries)], "doc_id": [f"d{i}" for i in positive]}
    Dataset.from_tables(
        pl.DataFrame({"id": labels["query_id"], "text": queries}),
        pl.DataFrame({"id": [f"d{i}" for i in range(n_documents)], "text": documents}),
        pl.DataFrame({**labels, "relevance": [1] * n_queries, "split": ["train"] * n_queries}),
        name="growth",
    ).write(folder)
    np.save(folder / "document_vectors.npy", document)
    np.save(folder / "query_vectors.npy", query)
    return {}


def mine(given: dict) -> dict:
    """Mine by the command line, and give the candidates of the first queries."""
    import contextlib
    import io
    import shutil
    import time

    import polars as pl

    from hardneg.cli import main as hardneg

    shutil.rmtree(given["out"], ignore_errors=True)
    vectors = f'document_vectors="{given["dataset"]}/document_vectors.npy"'
    vectors += f', query_vectors="{given["dataset"]}/query_vectors.npy"'
    source = f"vectors({vectors})" if given["source"] == "vectors" else "bm25"
    command = ["mine", given["dataset"], "-o", given["out"], "--source", source, "--filter", "near_duplicate", "--json"]
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        code = hardneg(command)
    seconds = time.perf_counter() - started
    if code:
        raise SystemExit(f"hardneg mine ended with {code}: {shown.getvalue()}")
    first = pl.read_parquet(f"{given['out']}/candidates/part-00000.parquet")
    # Queries of equal text share their answers, so among more queries a query may be looked at deeper.
    is_first = pl.col("query_id").is_in(["q0", "q1", "q2"]) & (pl.col(f"rank.{given['source']}") <= DEPTH)
    first = first.filter(is_first)
    files = Path(given["dataset"]).glob("*_vectors.npy") if given["source"] == "vectors" else ()
    return {
        "seconds": seconds,
        "vectors_mb": sum(path.stat().st_size for path in files) / 1e6,
        "selected": json.loads(shown.getvalue())["selected"],
        "first": first.sort("query_id", f"rank.{given['source']}")["doc_id"].to_list(),
    }


if __name__ == "__main__":
    main()
