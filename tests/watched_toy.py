"""The toy dataset with a development split, and settings that look at it often."""

import polars as pl

from toy import toy_dataset, toy_negatives

N_TRAINED = 14
SETTINGS = {"batch_size": 8, "epochs": 4, "learning_rate": 1e-2, "precision": "fp32", "negatives_per_row": 2}
WATCH = {"every": 2, "queries": 6, "hard": 3, "beside": 4, "whole": False}


def watched_dataset():
    """The toy dataset, its last ten queries held out."""
    toy = toy_dataset()
    split = pl.when(pl.col("query") < N_TRAINED).then(pl.lit("train")).otherwise(pl.lit("dev"))
    return toy.with_labels(toy.qrels.with_columns(split=split))


def watched_negatives():
    """The toy negatives of the queries that are trained on."""
    return toy_negatives().filter(pl.col("query") < N_TRAINED)
