import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError, RunError
from hardneg.scoring.folds import UNSEEN, FoldTable, assign_folds, text_keys


def dataset_of(texts, groups=None):
    columns = {"id": [f"q{i}" for i in range(len(texts))], "text": list(texts)}
    if groups is not None:
        columns["chat"] = pl.Series(list(groups), dtype=pl.String)
    qrels = {"query_id": ["q0"], "doc_id": ["d0"], "relevance": [1], "split": ["train"]}
    documents = pl.DataFrame({"id": ["d0"], "text": ["a document"]})
    return Dataset.from_tables(pl.DataFrame(columns), documents, pl.DataFrame(qrels))


TEXTS = st.lists(st.sampled_from(["a", "A ", "b", "B", "c", "d  e", "D E", "f", "g", "h"]), min_size=1, max_size=20)


@settings(max_examples=50, deadline=None)
@given(texts=TEXTS, n_folds=st.integers(1, 5), seed=st.integers(0, 9), data=st.data())
def test_fold_depends_on_nothing_but_the_normalised_text(texts, n_folds, seed, data):
    order = data.draw(st.permutations(range(len(texts))))
    whole = assign_folds(dataset_of(texts), n_folds, seed=seed)
    shuffled = assign_folds(dataset_of([texts[i] for i in order]), n_folds, seed=seed)
    alone = [assign_folds(dataset_of([text.upper() + " "]), n_folds, seed=seed)[0] for text in texts]
    assert shuffled.tolist() == whole[order].tolist()
    assert whole.tolist() == alone
    assert whole.min() >= 0
    assert whole.max() < n_folds


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.one_of(st.none(), st.sampled_from("uvwxyz"))), min_size=1, max_size=16
    ),
    seed=st.integers(0, 9),
    data=st.data(),
)
def test_queries_that_share_a_text_or_a_group_share_a_fold(rows, seed, data):
    order = data.draw(st.permutations(range(len(rows))))
    fold = assign_folds(dataset_of(*zip(*rows, strict=True)), 4, seed=seed, group="chat")
    for i, (text, group) in enumerate(rows):
        for j, (other_text, other_group) in enumerate(rows):
            if text == other_text or (group is not None and group == other_group):
                assert fold[i] == fold[j]
    shuffled = assign_folds(dataset_of(*zip(*[rows[i] for i in order], strict=True)), 4, seed=seed, group="chat")
    assert shuffled.tolist() == fold[order].tolist()


def test_folds_are_of_about_equal_size_and_change_with_the_seed():
    dataset = dataset_of([f"query {i}" for i in range(3_000)])
    fold = assign_folds(dataset, 3, seed=0)
    # Binomial(3000, 1/3): 5 standard deviations are 129.
    assert np.abs(np.bincount(fold, minlength=3) - 1_000).max() < 129
    assert 0.5 < (fold != assign_folds(dataset, 3, seed=1)).mean() < 0.8


def test_keys_are_those_of_the_normalised_text():
    keys = text_keys(pl.Series(["Straße  1", "STRASSE 1", "straße 2", None]))
    assert keys[0] == keys[1]
    assert len(set(keys.tolist())) == 3


def test_table_knows_texts_and_groups_under_any_id_and_in_any_dataset():
    trained = dataset_of(["a", "b", "c"], ["u", "v", None])
    fold = np.array([0, 1, 2], np.int32)
    table = FoldTable.record(trained, np.array([0, 1, 2], np.int32), fold, group="chat")
    other = dataset_of(["new", " B", "c", "newer", "newest"], ["u", None, "w", None, "v"])
    asked = np.array([4, 0, 1, 2, 3, 0], np.int32)
    assert table.of(other, asked).tolist() == [1, 0, 1, 2, UNSEEN, 0]
    assert table.of(other, asked[:0]).tolist() == []


def test_table_refuses_a_query_that_every_model_has_seen_in_part():
    trained = dataset_of(["a", "b"], ["u", "v"])
    table = FoldTable.record(trained, np.array([0, 1], np.int32), np.array([0, 1], np.int32), group="chat")
    with pytest.raises(RunError, match=r"'q0' .* text of one fold and the chat of another"):
        table.of(dataset_of(["a"], ["v"]), np.array([0], np.int32))


def test_unknown_group_column_is_named():
    with pytest.raises(DatasetError, match="no column 'speaker' to group by; they have: id, text, chat"):
        assign_folds(dataset_of(["a"], ["u"]), 2, seed=0, group="speaker")
