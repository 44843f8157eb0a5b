"""A development split that is dealt: it stands to train as the test does."""

import json

import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.pipeline.dealing import told_dealt, with_held_out

N = 60


def dataset(*, test_document, again=3):
    """So many queries in a row ask for one document, in train; the test asks for what it is told to."""
    queries = pl.DataFrame({"id": [f"q{at}" for at in range(N + 10)], "text": [f"query {at}" for at in range(N + 10)]})
    documents = pl.DataFrame({"id": [f"d{at}" for at in range(N)], "text": [f"document {at}" for at in range(N)]})
    answers = [f"d{at // again}" for at in range(N)] + [test_document(at) for at in range(10)]
    split = ["train"] * N + ["test"] * 10
    qrels = pl.DataFrame({"query_id": queries["id"], "doc_id": answers, "relevance": 1, "split": split})
    return Dataset.from_tables(queries, documents, qrels, name="asked")


def shared(dealt):
    train, dev = (set(dealt.pairs_of(split)[1].tolist()) for split in ("train", "dev"))
    return len(dev & train)


@pytest.mark.parametrize(
    ("test_document", "is_shared"),
    [
        (lambda at: f"d{at}", True),
        (lambda at: f"d{40 + at}", False),
        (lambda at: f"d{at if at < 1 else 40 + at}", False),
    ],
    ids=["all of the test's answers are train's", "none", "a tenth, no more"],
)
def test_dev_shares_answers_with_train_where_the_test_does(tmp_path, test_document, is_shared):
    dealt, how = with_held_out(
        dataset(test_document=test_document), tmp_path / "d", train="train", dev=None, test="test"
    )
    assert sorted(dealt.splits) == ["dev", "test", "train"]
    assert len(dealt.queries_of("test")) == 10
    assert how["shared_positives"] == is_shared
    assert (shared(dealt) > 0) == is_shared
    assert ("share an answer" in told_dealt("asked", how, tmp_path)) == is_shared
    assert json.loads((tmp_path / "d" / "split.json").read_text())["queries"]["dev"] == len(dealt.queries_of("dev"))


def test_a_test_that_is_dealt_too_keeps_answers_apart(tmp_path):
    data = dataset(test_document=lambda at: f"d{at}")
    data = data.with_labels(data.qrels.filter(pl.col("split") == "train"))
    dealt, how = with_held_out(data, tmp_path / "d", train="train", dev=None, test="test")
    assert not how["shared_positives"]
    assert shared(dealt) == 0
