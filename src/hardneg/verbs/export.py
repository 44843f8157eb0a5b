"""Mined negatives as files for other trainers, from wherever they are."""

from dataclasses import replace
from pathlib import Path

import polars as pl

from hardneg.arguments import check_places
from hardneg.data.dataset import Dataset
from hardneg.exports.write import Wish, check_place, table_of, write
from hardneg.pipeline.joined import Negatives, join
from hardneg.runs.lock import writing_file


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
    """Write negatives in a form that another trainer reads.

    The forms stand in `hardneg.exports.FORMS` and on the page Formats, four of them being those of
    sentence-transformers: `triplet`, `n-tuple`, `labeled-pair` and `labeled-list`. Beside what is written lies a
    manifest, which says what the form cannot carry and what was left out.

    Documents are given as models see them, the title before the text, unless the form has a field for titles; prompts
    are left to the trainer. A query without negatives has no row. Negatives that answer their query by the labels of
    any split, by id or by equal text, are left out: `without_answers` counts them. What mining found to be an answer is
    a positive, as `hardneg.train` takes it; a bare table brings no such.

    Args:
        dataset: The dataset that the negatives were mined from; None takes what they say of it.
        negatives: What `hardneg.mine` returned, a run folder, a Parquet file of negatives, or a table of them.
        split: The positives of this split are exported; by default the one that was mined, else "train".
        form: A name of `hardneg.exports.FORMS`.
        path: The file to write, or the folder for a form of several files; None writes nothing.
        scores: Whether to add scores: `scores`, the positive's first, to triplets and n-tuples; `score` or
            `scores` in place of the labels of the labelled forms; as the form has them in others. The score of a
            query's weakest positive stands for each of its positives.
        ids: Whether to add the ids of queries and documents; trainers read each column that is not a label
            or a score as text, so leave them out of files for training. Forms that go by ids have them anyway.
        n_negatives: Negatives in each row; queries with fewer are left out. None takes as many as each query has, and
            insists that all have as many where rows are of equal length (n-tuple, pylate-kd).
        found: Positives that mining found, where `negatives` is a bare table and they are labels already; with `ids`
            the column `found_by` says of each positive who found it, null for labelled ones.
        allow_other_data: Whether labels may differ from those that were mined with.

    Returns:
        The table that was, or would be, written, which takes as much memory as it has texts (`hardneg.exports.write`
        writes without it); of a form of several files their names and numbers of rows, `file` and `rows`.

    Raises:
        RecipeError: The form or the suffix of the file is unknown, or the form has not what is asked of it.
        DatasetError: The split does not exist or has no positive.
        RunError: A score is missing or of two scales, the queries have unequal numbers of negatives, or there
            would be no row.
    """
    wish = Wish(form, split or "train", scores, ids, n_negatives)
    if path is not None:
        check_places("export", path=path)
        check_place(wish, Path(path))
    joined = join("export", dataset, negatives, split=split, allow_other_data=allow_other_data)
    positives = joined.found.join(joined.negatives, on="query", how="semi") if joined.found.height else found
    wish = replace(wish, split=joined.split)
    if path is not None:
        n_answers = joined.n_answers
        with writing_file(Path(path)):
            written = write(wish, joined.dataset, joined.negatives, path, found=positives, n_answers=n_answers)
        if wish.layout.is_folder:
            return pl.DataFrame({"file": list(written.files), "rows": list(written.files.values())})
    return table_of(wish, joined.dataset, joined.negatives, found=positives)
