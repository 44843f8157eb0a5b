"""Mined negatives as files for other trainers, from wherever they are."""

from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.negatives.export import export as write
from hardneg.pipeline.joined import Negatives, join


def export(
    dataset: Dataset | None,
    negatives: Negatives,
    *,
    split: str | None = None,
    form: str = "triplet",
    path: Path | str | None = None,
    scores: bool = False,
    ids: bool = False,
    n_negatives: int | None = None,
    found: pl.DataFrame | None = None,
    allow_other_data: bool = False,
) -> pl.DataFrame:
    """Write negatives in a form that sentence-transformers trains on.

    | form | a row for each | columns |
    |---|---|---|
    | triplet | positive and negative | `query`, `positive`, `negative` |
    | n-tuple | positive | `query`, `positive`, `negative_1` … |
    | labeled-pair | query and document | `query`, `document`, `label` |
    | labeled-list | query | `query`, `documents`, `labels` |

    Documents are given as models see them, the title before the text; prompts are left to the trainer. A
    query without negatives has no row. Negatives that answer their query by the labels of any split, by id or by equal
    text, are left out: `without_answers` counts them. What mining found to be an answer is a positive, as
    `hardneg.train` takes it; a bare table brings no such.

    Args:
        dataset: The dataset that the negatives were mined from; None takes what they say of it.
        negatives: What `hardneg.mine` returned, a run folder, a Parquet file of negatives, or a table of them.
        split: The positives of this split are exported; by default the one that was mined, else "train".
        form: "triplet", "n-tuple", "labeled-pair" or "labeled-list".
        path: A `.jsonl` or `.parquet` file to write; None writes nothing.
        scores: Whether to add scores: `scores`, the positive's first, to triplets and n-tuples; `score` or
            `scores` in place of the labels of the other two. The score of a query's weakest positive stands
            for each of its positives.
        ids: Whether to add the ids of queries and documents; trainers read each column that is not a label
            or a score as text, so leave them out of files for training.
        n_negatives: Negatives in each row of an n-tuple; queries with fewer are left out. None takes as many
            as each query has, and insists that all have as many.
        found: Positives that mining found, where `negatives` is a bare table and they are labels already; with `ids`
            the column `found_by` says of each positive who found it, null for labelled ones.
        allow_other_data: Whether labels may differ from those that were mined with.

    Returns:
        The table that was, or would be, written.

    Raises:
        RecipeError: The form or the suffix of the file is unknown, or `n_negatives` does not fit the form.
        DatasetError: The split does not exist or has no positive.
        RunError: A score is missing or of two scales, the queries have unequal numbers of negatives, or there
            would be no row.
    """
    joined = join("export", dataset, negatives, split=split, allow_other_data=allow_other_data)
    positives = joined.found.join(joined.negatives, on="query", how="semi") if joined.found.height else found
    return write(
        joined.dataset,
        joined.negatives,
        split=joined.split,
        form=form,
        path=path,
        scores=scores,
        ids=ids,
        n_negatives=n_negatives,
        found=positives,
    )
