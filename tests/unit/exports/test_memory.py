"""An export takes the memory of a block, not that of what it writes."""

import subprocess
import sys

# Exports 160 MB as triplets and 200 MB of texts as Parquet, and says by how much the peak of memory grew, in MB.
SCRIPT = """
import resource, sys
import numpy as np, polars as pl
import hardneg as hn
from hardneg.exports import Wish, write

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

n_queries, n_documents, width = 1000, 1500, 20
rng = np.random.default_rng(0)
dataset = hn.Dataset.from_tables(
    pl.DataFrame({"id": [f"q{i}" for i in range(n_queries)], "text": [f"query {i}" for i in range(n_queries)]}),
    pl.DataFrame({
        "id": [f"d{i}" for i in range(n_documents)],
        "text": [f"{i} " + "lorem ipsum " * 800 for i in range(n_documents)],
    }),
    pl.DataFrame({"query_id": [f"q{i}" for i in range(n_queries)], "doc_id": [f"d{i}" for i in range(n_queries)]})
    .with_columns(relevance=1, split=pl.lit("train")),
)
negatives = pl.DataFrame({
    "query": np.repeat(np.arange(n_queries), width),
    "document": (np.arange(n_queries * width) % (n_documents - n_queries)) + n_queries,
}).cast(pl.Int32)
for form, path, n in (("triplet", sys.argv[1], 400), ("parquet", sys.argv[2], 1000)):
    write(Wish(form, "train"), dataset, negatives.head(40), path)
    before = peak()
    write(Wish(form, "train"), dataset, negatives.head(n * width), path)
    print(peak() - before)
"""


def test_memory_does_not_grow_with_what_is_written(tmp_path):
    paths = [tmp_path / "x.jsonl", tmp_path / "x.parquet"]
    run = subprocess.run([sys.executable, "-c", SCRIPT, *map(str, paths)], capture_output=True, text=True, check=True)
    assert paths[0].stat().st_size > 140 * 2**20
    for path, growth in zip(paths, map(float, run.stdout.split()), strict=True):
        assert growth < 130, f"{growth:.0f} MB more than before to write {path.name}"
