import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError
from hardneg.ladders.splits import Splits, choose_splits, refuse_shared, shared_queries


def dataset(splits, texts):
    """One query and one document for each split named."""
    names = [str(number) for number in range(len(splits))]
    return Dataset.from_tables(
        pl.DataFrame({"id": [f"q{name}" for name in names], "text": texts}),
        pl.DataFrame({"id": [f"d{name}" for name in names], "text": names}),
        pl.DataFrame(
            {
                "query_id": [f"q{name}" for name in names],
                "doc_id": [f"d{name}" for name in names],
                "relevance": [1] * len(names),
                "split": splits,
            }
        ),
    )


def test_a_split_for_development_is_found_by_its_name():
    data = dataset(["train", "validation", "test"], ["a", "b", "c"])
    assert choose_splits(data, train="train", dev=None, test="test") == Splits("train", "validation", "test")


def test_a_split_that_is_trained_on_does_not_serve_for_development():
    data = dataset(["dev", "test"], ["a", "b"])
    assert choose_splits(data, train="dev", dev=None, test="test").dev is None


def test_one_split_for_two_purposes_is_refused():
    data = dataset(["train", "test"], ["a", "b"])
    with pytest.raises(DatasetError, match="must be different splits"):
        choose_splits(data, train="train", dev="test", test="test")


def test_test_queries_whose_text_is_trained_on_are_refused():
    data = dataset(["train", "train", "test", "test"], ["Open a  file", "b", "open a file", "c"])
    splits = choose_splits(data, train="train", dev=None, test="test")
    shared = shared_queries(data, splits)
    assert shared == {"train": ["q2"]}
    with pytest.raises(DatasetError, match=r"1 queries of 'test' are in 'train' too.*'q2'.*--allow-shared-queries"):
        refuse_shared(shared, splits)


def test_splits_apart_are_not_refused():
    data = dataset(["train", "dev", "test"], ["a", "b", "c"])
    splits = choose_splits(data, train="train", dev=None, test="test")
    refuse_shared(shared_queries(data, splits), splits)
