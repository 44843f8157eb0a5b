"""Peak memory and time of reading a large corpus.

Writes a corpus of random words to a temporary folder, reads it in a process of its own, and prints one JSON
object. Run `python benchmarks/data_memory.py [--documents N] [--format beir|parquet]`.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

_READ = """
import json, sys, time
from hardneg.data.reading import read_dataset
start = time.perf_counter()
dataset = read_dataset(sys.argv[1])
seconds = time.perf_counter() - start
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "documents": dataset.n_documents,
    "queries": dataset.n_queries,
    "text_gb": dataset.documents["text"].estimated_size("gb"),
    "peak_rss_gb": int(status["VmHWM"].split()[0]) * 1024 / 1e9,
    "seconds": seconds,
}))
"""
_CONVERT = """
import sys
from hardneg.data.reading import read_dataset
read_dataset(sys.argv[1]).write(sys.argv[2])
"""
_BLOCK = 10_000


def write_corpus(folder: Path, *, n_documents: int, n_words: int, n_queries: int, metadata: bool, packed: bool) -> None:
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    vocabulary = np.array(["".join(rng.choice(letters, size)) for size in rng.integers(2, 11, 50_000)])
    corpus = folder / "corpus.jsonl.gz" if packed else folder / "corpus.jsonl"
    with gzip.open(corpus, "wt", compresslevel=1) if packed else corpus.open("w") as file:
        for start in range(0, n_documents, _BLOCK):
            size = min(_BLOCK, n_documents - start)
            for at, row in enumerate(vocabulary[rng.integers(0, len(vocabulary), (size, n_words))], start):
                extra = {"metadata": {"year": at % 50, "group": f"group{at % 1000}"}} if metadata else {}
                record = {"_id": f"doc{at}", "title": "", "text": " ".join(row), **extra}
                file.write(json.dumps(record) + "\n")
    with (folder / "queries.jsonl").open("w") as file:
        for at, row in enumerate(vocabulary[rng.integers(0, len(vocabulary), (n_queries, 8))]):
            file.write(json.dumps({"_id": f"query{at}", "text": " ".join(row)}) + "\n")
    (folder / "qrels").mkdir()
    labels = rng.integers(0, n_documents, n_queries)
    rows = "".join(f"query{at}\tdoc{document}\t1\n" for at, document in enumerate(labels))
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--words", type=int, default=100)
    parser.add_argument("--queries", type=int, default=100_000)
    parser.add_argument("--format", choices=["beir", "parquet"], default="beir")
    parser.add_argument("--metadata", action="store_true", help="give each document two metadata keys")
    parser.add_argument("--gzip", action="store_true", help="pack the corpus")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_corpus(
            folder,
            n_documents=arguments.documents,
            n_words=arguments.words,
            n_queries=arguments.queries,
            metadata=arguments.metadata,
            packed=arguments.gzip,
        )
        if arguments.format == "parquet":
            subprocess.run([sys.executable, "-c", _CONVERT, name, str(folder / "own")], check=True)
            folder = folder / "own"
        result = subprocess.run([sys.executable, "-c", _READ, str(folder)], check=True, capture_output=True, text=True)
    print(json.dumps({**vars(arguments), **json.loads(result.stdout)}))


if __name__ == "__main__":
    main()
