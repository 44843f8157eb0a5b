"""Exact dense mining with given vectors, against `mine_hard_negatives` and against the bare matrix product.

    python benchmarks/speed/dense.py --data FOLDER --peers PYTHON
    python benchmarks/speed/dense.py --queries 2000 --documents 5000000 --repeats 1 --results OTHER   ten times as many

Vectors are seeded: 5,000 directions, documents around them, queries around documents, unit length, 384 dimensions.
Texts are a word with a number, since nothing looks at them here. Both miners search, refuse the positive and what is
within a relative margin of 0.05 of it, and take three negatives a query; hardneg also writes every candidate to disk.
Neither is timed while it imports torch.
`mine_hard_negatives` in its default mode holds a block of 16,384 queries times all documents, 33 GB at 500,000; it is
compared at 5,000 x 200,000.
"""

import tempfile
from pathlib import Path

from measure import Bar, Work, alternate, call, parser, timed, write_result

QUERIES, DOCUMENTS, DIM, DEPTH = 20_000, 500_000, 384, 100
FEW_QUERIES, FEW_DOCUMENTS = 5_000, 200_000
HERE = Path(__file__)
PEER = HERE.with_name("peers_dense.py")


def main(arguments: list[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--queries", type=int, default=QUERIES)
    options.add_argument("--documents", type=int, default=DOCUMENTS)
    options = options.parse_args(arguments)
    scale = 200 if options.tiny else 1
    large = {"queries": options.queries // scale, "documents": options.documents // scale}
    small = {"queries": FEW_QUERIES // scale, "documents": FEW_DOCUMENTS // scale}
    with tempfile.TemporaryDirectory() as root:
        measured = {}
        for name, sizes in (("large", large), ("small", small)):
            call(Work(HERE, "make"), sizes | {"to": f"{root}/{name}"}, options)
        call(Work(HERE, "mine"), {"vectors": f"{root}/small", "out": f"{root}/first"}, options)  # compiles
        works = {
            "hardneg": Work(HERE, "mine"),
            "search alone": Work(HERE, "search"),
            "bare product": Work(HERE, "bare"),
        }
        if options.peers:
            works["FAISS"] = Work(PEER, "mine", python=options.peers, given={"use_faiss": True})
        measured |= alternate(works, {"vectors": f"{root}/large", "out": f"{root}/mined"}, options)
        fewer = {"hardneg, fewer": Work(HERE, "mine")}
        if options.peers:
            fewer["default, fewer"] = Work(PEER, "mine", python=options.peers, given={"use_faiss": False})
        measured |= alternate(fewer, {"vectors": f"{root}/small", "out": f"{root}/mined"}, options)
    found = {name: one.pop("found") for name, one in measured.items() if "found" in one}
    seconds = {name: one["seconds"] for name, one in measured.items()}
    vectors_mb = (large["queries"] + large["documents"]) * DIM * 4 / 1e6
    bars = [
        Bar("times the bare bf16 product, search alone", seconds["search alone"] / seconds["bare product"], 1.5, True),
        Bar("GB above the vectors", (measured["hardneg"]["peak_mb"] - vectors_mb) / 1e3, 1.5, at_most=True),
    ]
    checks = {"the search finds what float64 does": measured["search alone"]["right"]}
    if options.peers:
        bars += [
            Bar("times mine_hard_negatives(use_faiss=True)", seconds["FAISS"] / seconds["hardneg"], 2),
            Bar("times mine_hard_negatives", seconds["default, fewer"] / seconds["hardneg, fewer"], 6),
        ]
        checks["the first negatives of FAISS and ours agree"] = found["FAISS"] == found["hardneg"]
    write_result(
        options,
        row="dense",
        what="exact dense mining",
        work=f"{large['queries']:,} queries x {large['documents']:,} documents x {DIM}, vectors given, depth {DEPTH}; "
        f"default mode at {small['queries']:,} x {small['documents']:,}",
        measured=measured,
        bars=bars,
        checks=checks,
    )


def make(given: dict) -> dict:
    """Write vectors of queries and documents, and the positive of each query."""
    import numpy as np

    random, folder = np.random.default_rng(0), Path(given["to"])
    folder.mkdir(parents=True)

    def unit(rows: np.ndarray) -> np.ndarray:
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def noise(rows: int) -> np.ndarray:
        return random.standard_normal((rows, DIM), dtype=np.float32) / np.float32(DIM**0.5)

    centres = unit(random.standard_normal((5_000, DIM), dtype=np.float32))
    chosen = random.integers(0, len(centres), given["documents"])
    documents = np.lib.format.open_memmap(folder / "documents.npy", "w+", np.float32, (len(chosen), DIM))
    for start in range(0, len(chosen), 100_000):
        some = centres[chosen[start : start + 100_000]]
        documents[start : start + len(some)] = unit(some + noise(len(some)))
    positive = random.permutation(given["documents"])[: given["queries"]]
    np.save(folder / "queries.npy", unit(documents[positive] + noise(len(positive))))
    np.save(folder / "positive.npy", positive)
    return {}


def mine(given: dict) -> dict:
    """Mine as a user would, from a dataset in memory to Parquet files."""
    import shutil

    import numpy as np
    import polars as pl
    import torch  # noqa: F401 - as the peer has, before it is timed

    import hardneg as hn
    from hardneg.data.dataset import Dataset
    from hardneg.filters import PositiveMargin
    from hardneg.negatives import Selection
    from hardneg.sources import Vectors

    folder = Path(given["vectors"])
    positive = np.load(folder / "positive.npy")
    n_documents = len(np.load(folder / "documents.npy", mmap_mode="r"))
    queries = pl.DataFrame({"id": [f"q{n}" for n in range(len(positive))]}).with_columns(text="id")
    documents = pl.DataFrame({"id": [f"d{n}" for n in range(n_documents)]}).with_columns(text="id")
    labels = pl.DataFrame({"query_id": queries["id"], "doc_id": [f"d{n}" for n in positive]})
    labels = labels.with_columns(relevance=pl.lit(1), split=pl.lit("train"))
    data = Dataset.from_tables(queries, documents, labels, name="dense")
    shutil.rmtree(given["out"], ignore_errors=True)
    source = Vectors(document_vectors=folder / "documents.npy", query_vectors=folder / "queries.npy")
    mined = {}
    seconds = timed(
        lambda: mined.update(
            result=hn.mine(
                data,
                sources=[source],
                filters=[PositiveMargin(ratio=0.95, score=source.name)],
                select=Selection(per_query=3),
                depth=DEPTH,
                out=given["out"],
            )
        )
    )
    first = mined["result"].negatives.filter(pl.col("query") < 20).sort("query", "rank")
    return {"seconds": seconds, "found": first["document"].to_list()}


def search(given: dict) -> dict:
    """Search alone, in blocks as mining does; a few rows are held against float64."""
    import numpy as np
    import torch  # noqa: F401 - as in mining of this size

    from hardneg.search.exact import exact_topk

    queries, documents = _load(given)
    exact_topk(queries[:100], documents[:3_000], min(DEPTH, len(documents)))
    found = []
    blocks = range(0, len(queries), 4_096)
    seconds = timed(lambda: found.extend(exact_topk(queries[at : at + 4_096], documents, DEPTH)[0] for at in blocks))
    true = queries[:5].astype(np.float64) @ np.asarray(documents).astype(np.float64).T
    right = np.array_equal(found[0][:5], np.argsort(-true, axis=1, kind="stable")[:, :DEPTH])
    return {"seconds": seconds, "right": bool(right)}


def bare(given: dict) -> dict:
    """Multiply all pairs in bfloat16, block by block into one place, and do nothing with the scores."""
    import numpy as np
    import torch

    queries, documents = (torch.from_numpy(np.array(one)).bfloat16() for one in _load(given))
    room = torch.empty(4_096, 4_096, dtype=torch.bfloat16)

    def multiply() -> None:
        for left in queries.split(4_096):
            for right in documents.split(4_096):
                torch.mm(left, right.T, out=room.view(-1)[: len(left) * len(right)].view(len(left), len(right)))

    return {"seconds": timed(multiply)}


def _load(given: dict) -> tuple:
    import numpy as np

    folder = Path(given["vectors"])
    return np.load(folder / "queries.npy"), np.load(folder / "documents.npy", mmap_mode="r")


if __name__ == "__main__":
    main()
