import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.training.plan import TrainingData, check_plan, plan_steps
from hardneg.training.sampling.batches import MinedNegatives
from hardneg.training.settings import TrainSettings
from toy import toy_dataset


def data_of(pairs, negatives=()):
    """Some pairs of the toy data; only documents 0 to 23 answer the query of the same number."""
    dataset = toy_dataset()
    query, document = np.asarray(pairs, dtype=np.int32).reshape(-1, 2).T
    table = pl.DataFrame(list(negatives), schema={"query": pl.Int32, "document": pl.Int32}, orient="row")
    return TrainingData(dataset, query, document, MinedNegatives(table, n_queries=dataset.n_queries))


def check(data, **settings):
    settings = TrainSettings(**settings)
    check_plan(plan_steps(data, settings), data, settings)


def test_two_pairs_in_a_batch_or_one_mined_negative_are_enough():
    check(data_of([(0, 0), (1, 1)]))
    check(data_of([(0, 0)], negatives=[(0, 35)]))


def test_one_query_with_two_answers_has_nothing_to_learn_from():
    with pytest.raises(RunError, match="nothing can be learned from the 2 training pairs"):
        check(data_of([(0, 0), (0, 24)]))


def test_a_mined_negative_that_answers_the_query_is_none():
    with pytest.raises(RunError, match="hardneg mine"):
        check(data_of([(0, 0)], negatives=[(0, 24)]))


@pytest.mark.parametrize("length", [{"max_steps": 5}, {"epochs": 2}])
def test_without_a_pair_there_are_no_steps_to_plan_and_it_says_so(length):
    with pytest.raises(RunError, match="there is no pair of toy to train on; name a split with positives"):
        plan_steps(data_of([]), TrainSettings(**length))


def test_a_number_of_steps_takes_as_many_epochs_as_it_needs_and_no_more():
    data = data_of([(number, number) for number in range(8)])
    whole = plan_steps(data, TrainSettings(batch_size=4, epochs=3))
    cut = plan_steps(data, TrainSettings(batch_size=4, epochs=1, max_steps=5))
    assert [step.epoch for step in cut] == [0, 0, 1, 1, 2]
    assert all((a.batches[0] == b.batches[0]).all() for a, b in zip(cut, whole, strict=False))
    assert [step.progress for step in cut] == [0, 0.25, 0.5, 0.75, 1]


def many_positives(n_others):
    """One query that 24 documents answer, and a few queries with one answer each."""
    query = pl.DataFrame({"id": [f"q{i}" for i in range(9)], "text": [f"query {i}" for i in range(9)]})
    documents = pl.DataFrame({"id": [f"d{i}" for i in range(40)], "text": [f"document {i}" for i in range(40)]})
    pairs = [(0, i) for i in range(24)] + [(i, 23 + i) for i in range(1, n_others + 1)]
    labels = pl.DataFrame(
        {"query_id": [f"q{q}" for q, _ in pairs], "doc_id": [f"d{d}" for _, d in pairs]}
    ).with_columns(relevance=pl.lit(1), split=pl.lit("train"))
    dataset = Dataset.from_tables(query, documents, labels)
    return TrainingData(dataset, *dataset.pairs_of("train"), MinedNegatives(None, n_queries=9))


def test_a_query_with_most_of_the_answers_meets_other_documents_in_every_batch():
    data = many_positives(n_others=8)
    steps = plan_steps(data, TrainSettings(batch_size=8))
    assert [step.n_pairs for step in steps] == [8] * 4
    assert [len(set(data.query[step.batches[0]])) for step in steps] == [3] * 4
    assert sum(step.left_out for step in steps) == 0


def test_batches_with_nothing_to_learn_are_left_out_and_counted():
    steps = plan_steps(many_positives(n_others=1), TrainSettings(batch_size=5))
    assert [step.n_pairs for step in steps] == [5]
    assert steps[0].left_out == 20


def test_a_lone_pair_with_a_negative_of_its_own_is_trained_on():
    data = data_of([(0, 0), (0, 24), (1, 1)], negatives=[(0, 35)])
    assert sum(step.n_pairs for step in plan_steps(data, TrainSettings())) == 3
