"""What `export` writes reads back as the same labels, in every form."""

import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.errors import DatasetError
from hardneg.filters import apply_filters
from hardneg.negatives import Selection, export, select
from hardneg.negatives.export import FORMS


@pytest.fixture
def titled(tiny):
    """The small dataset with titles, which exports write before the text."""
    return Dataset(tiny.queries, tiny.documents.with_columns(title=pl.lit("On ") + pl.col("id")), tiny.qrels, "titled")


@pytest.fixture
def negatives(titled):
    every = pl.DataFrame({"query": np.repeat(np.arange(4), 8), "document": np.tile(np.arange(8), 4)}).cast(pl.Int32)
    candidates = every.with_columns(
        pl.Series("rank.dense", np.tile(np.arange(1, 9), 4), dtype=pl.Int32),
        pl.Series("score.dense", np.random.default_rng(0).random(32), dtype=pl.Float32),
    )
    return select(apply_filters(candidates, titled, []), titled, Selection(per_query=2), seed=0)


def labels(dataset):
    query, document = dataset.query_texts.to_list(), dataset.document_texts.to_list()
    return {(query[q], document[d], grade > 0) for q, d, grade, _ in dataset.qrels.iter_rows()}


def meant(dataset, negatives):
    query, document = dataset.query_texts.to_list(), dataset.document_texts.to_list()
    positives = list(zip(*map(np.ndarray.tolist, dataset.pairs_of("train")), strict=True))
    mined = [pair for pair in negatives.select("query", "document").iter_rows() if pair[0] in dict(positives)]
    return {(query[q], document[d], True) for q, d in positives if q in dict(mined)} | {
        (query[q], document[d], False) for q, d in mined
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
@pytest.mark.parametrize("ids", [False, True])
def test_an_export_reads_back_as_the_same_labels(titled, negatives, tmp_path, form, suffix, ids):
    path = tmp_path / f"x.{suffix}"
    export(titled, negatives, split="train", form=form, path=path, ids=ids)
    read = read_dataset(path)
    assert labels(read) == meant(titled, negatives)
    if ids:
        assert set(read.queries["id"]) <= set(titled.queries["id"])
        assert set(read.documents["id"]) <= set(titled.documents["id"])


@pytest.mark.parametrize("form", ["triplet", "n-tuple"])
def test_scores_of_triplets_and_tuples_are_no_labels(titled, negatives, tmp_path, form):
    path = tmp_path / "x.jsonl"
    export(titled, negatives, split="train", form=form, path=path, scores=True)
    read = read_dataset(path)
    assert labels(read) == meant(titled, negatives)
    assert read.mapping.ignored == ("scores (a teacher's scores, which are no labels)",)


@pytest.mark.parametrize("form", ["labeled-pair", "labeled-list"])
def test_scores_in_the_place_of_labels_are_refused(titled, negatives, tmp_path, form):
    path = tmp_path / "x.jsonl"
    export(titled, negatives, split="train", form=form, path=path, scores=True)
    with pytest.raises(DatasetError, match=r"x\.jsonl.* is a fraction, which is neither kept nor cut.*--ignore score"):
        read_dataset(path)
