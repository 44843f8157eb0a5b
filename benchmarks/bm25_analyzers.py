"""Which analyzer suits which text? Chosen on development queries; test queries are never read.

    python benchmarks/bm25_analyzers.py --data FOLDER

Prints nDCG@10 of BM25 as Markdown, for each analyzer, and for `code` without each of its parts. Each set gives its
development queries; SciFact, which has none, its training queries.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.domains.code.source import code_source
from hardneg.evaluation.metrics import means, measure
from hardneg.search.analyzers import ANALYZERS, Analyzer, identifier_parts
from hardneg.search.bm25 import BM25Index

SPLITS = {"scifact": "train", "nfcorpus": "dev", "obliqa": "dev", "nl2bash": "dev", "staqc_python_annotated": "dev"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    sets = {name: (read_dataset(options.data / name), split) for name, split in SPLITS.items()}
    functions = ("function", "method")
    sets["stdlib"] = (code_source(["stdlib"], languages=("python",), kinds=functions, labels_clones=False), "dev")
    code = ANALYZERS["code"]
    rows: dict[str, tuple[Analyzer, bool]] = {name: (each, False) for name, each in ANALYZERS.items()}
    rows["code, stop words kept"] = (replace(code, stop_words=frozenset()), False)
    rows["code, without whole identifiers"] = (replace(code, splits_identifiers=False), True)
    print(f"| analyzer | {' | '.join(sets)} |\n" + "|---" * (1 + len(sets)) + "|")
    for name, (analyzer, cut_before) in rows.items():
        values = [_quality(dataset, split, analyzer, cut_before=cut_before) for dataset, split in sets.values()]
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + " |", flush=True)


def _quality(dataset: Dataset, split: str, analyzer: Analyzer, *, cut_before: bool) -> float:
    queries = dataset.queries_of(split)
    documents, texts = dataset.document_texts, dataset.query_texts.gather(queries)
    if cut_before:
        documents, texts = _cut(documents), _cut(texts)
    found, _ = BM25Index.build(documents, analyzer).search(texts.to_list(), 10)
    rows = [(int(q), int(d), r + 1) for q, row in zip(queries, found, strict=True) for r, d in enumerate(row) if d >= 0]
    run = pl.DataFrame(rows, schema=["query_id", "doc_id", "rank"], orient="row")
    labels = dataset.qrels.filter((pl.col("split") == split) & pl.col("query").is_in(queries))
    qrels = labels.select(query_id="query", doc_id="document", relevance="relevance")
    ids = [pl.col("query_id", "doc_id").cast(pl.String)]
    return means(measure(qrels.with_columns(ids), run.with_columns(ids), names=["nDCG@10"]))["nDCG@10"]


def _cut(texts: pl.Series) -> pl.Series:
    return pl.Series([" ".join(" ".join(identifier_parts(word)) for word in (text or "").split()) for text in texts])


if __name__ == "__main__":
    main()
