"""Cut a dataset to what two cores can climb: 1,500 training queries at most, and a development split.

    python benchmarks/ladder/prepare.py DATASET OUT --train train [--dev-queries 150]

Test queries stay as they are. A training query with the text of a test query is left out; without a development split
of its own, --dev-queries are taken from the training queries. Labels of all other queries stay too, in a split named
`rest`, so that what they call an answer is still known to be one.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.randomness import bits

SEED, N_QUERIES = 0, 1_500


def cut(dataset: Dataset, *, train: str, dev_queries: int) -> Dataset:
    """Choose queries to train on, and to develop on if asked for; queries of equal text go together."""
    tested = dataset.query_text_group[dataset.queries_of("test")]
    queries = dataset.queries_of(train)
    if "dev" in dataset.splits and train != "dev":
        tested = np.union1d(tested, dataset.query_text_group[dataset.queries_of("dev")])
    group = dataset.query_text_group[queries]
    queries, group = queries[~np.isin(group, tested)], group[~np.isin(group, tested)]
    groups = np.unique(group)
    groups = groups[np.argsort(bits(SEED, 1, groups))]
    develop, learn = groups[:dev_queries], groups[dev_queries : dev_queries + N_QUERIES]
    parts = np.full(len(queries), "rest", dtype=object)
    parts[np.isin(group, develop)], parts[np.isin(group, learn)] = "dev", "train"
    chosen = pl.DataFrame({"query": queries, "part": parts.tolist()}, schema_overrides={"part": pl.String})
    marked = dataset.qrels.join(chosen, on="query", how="left", maintain_order="left")
    part = pl.when(pl.col("split") == train).then(pl.col("part").fill_null("rest")).otherwise("split")
    return replace(dataset, qrels=marked.with_columns(split=part).select(dataset.qrels.columns))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--train", default="train")
    parser.add_argument("--dev-queries", type=int, default=0)
    options = parser.parse_args()
    dataset = cut(read_dataset(options.dataset), train=options.train, dev_queries=options.dev_queries)
    dataset.write(options.out)
    print({split: len(dataset.queries_of(split)) for split in dataset.splits})


if __name__ == "__main__":
    main()
