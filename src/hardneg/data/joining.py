"""Several datasets as one: their tables behind each other, texts of one found under the name of it."""

from collections.abc import Mapping

import polars as pl

from hardneg.data.dataset import QRELS_SCHEMA, UNUSED, Dataset

ORIGIN = "dataset"  # column of queries and documents that names where they come from


def join_datasets(datasets: Mapping[str, Dataset], *, splits: Mapping[str, str], split: str) -> Dataset:
    """Put the tables of datasets behind each other; ids are `NAME:ID`, so that none is there twice.

    Of each dataset the split that `splits` names is called `split`; what else is called so becomes `unused`: its labels
    still say what answers what. Positions of the first stay, those of each other are moved by what stands before it.
    Queries and documents have the column `dataset`; of columns that are of different kinds those of the first stay.
    """
    queries, documents, qrels = [], [], []
    n_queries = n_documents = 0
    for name, each in datasets.items():
        queries.append(_named(each.queries, name))
        documents.append(_named(each.documents, name))
        label = pl.col("split")
        trained, unused = label == splits[name], label == split
        role = pl.when(trained).then(pl.lit(split)).when(unused).then(pl.lit(UNUSED)).otherwise(label).alias("split")
        moved = (pl.col("query") + n_queries, pl.col("document") + n_documents, "relevance", role)
        qrels.append(each.qrels.select(*moved))
        n_queries, n_documents = n_queries + each.n_queries, n_documents + each.n_documents
    labels = pl.concat(qrels).select(pl.col(column).cast(kind) for column, kind in QRELS_SCHEMA.items())
    return Dataset(_concatenated(queries), _concatenated(documents), labels, " + ".join(datasets))


def _named(table: pl.DataFrame, name: str) -> pl.DataFrame:
    return table.with_columns((pl.lit(f"{name}:") + pl.col("id")).alias("id"), pl.lit(name).alias(ORIGIN))


def _concatenated(tables: list[pl.DataFrame]) -> pl.DataFrame:
    schema = {column: kind for table in reversed(tables) for column, kind in table.schema.items()}
    fitting = [
        table.select(column for column, kind in table.schema.items() if schema[column] == kind) for table in tables
    ]
    return pl.concat(fitting, how="diagonal")
