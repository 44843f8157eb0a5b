import numpy as np
import polars as pl
import pytest

from hardneg.errors import RunError
from hardneg.training.batches import MinedNegatives
from hardneg.training.plan import TrainingData, check_plan, plan_steps
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
