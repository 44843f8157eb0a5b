import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.domains.recommender.build import interactions_dataset
from hardneg.sources import Random
from hardneg.training.pool.pool import build_pool
from hardneg.training.pool.sampling_bias import Counted, Streaming
from hardneg.training.sampling.batches import MinedNegatives, assemble, epoch_batches, even_sizes
from interactions_toy import toy_events


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return interactions_dataset(toy_events(n_users=40, n_items=60), min_rating=1)[0]


def pools_of(dataset, negatives, *, per_row, batch_size, epochs):
    query, document = dataset.pairs_of("train")
    for epoch in range(epochs):
        batches = epoch_batches(
            dataset, query, document, batch_size=batch_size, epoch=epoch, seed=0, repeat_documents=True
        )
        for rows in batches:
            batch = assemble(rows, query, document, negatives, per_row=per_row, epoch=epoch, seed=0)
            yield dataset.text_group[build_pool(dataset, batch).document]


@pytest.mark.parametrize("per_row", [0, 1])
def test_counted_chances_are_those_of_the_batches_that_are_drawn(dataset, per_row):
    """With one uniform negative a row this is the mixture of mixed negative sampling."""
    query, document = dataset.pairs_of("train")
    table = Random(seed=3).retrieve(dataset, np.unique(query), 12)
    answers = dataset.is_answer(table["query"].to_numpy(), table["document"].to_numpy())
    negatives = MinedNegatives(table.filter(~pl.Series(answers)), n_queries=dataset.n_queries)
    size = int(even_sizes(len(query), 32).max())
    counted = Counted(dataset, query, document, negatives=negatives, per_row=per_row, batch_size=size)
    seen, n_pools = np.zeros(dataset.n_documents), 0
    for groups in pools_of(dataset, negatives, per_row=per_row, batch_size=32, epochs=60):
        seen[groups] += 1
        n_pools += 1
    expected = counted.chance(np.arange(dataset.n_documents, dtype=np.int32))
    assert n_pools > 300
    # Pairs are drawn without replacement, which makes the chance of a frequent document a little larger.
    np.testing.assert_allclose(seen / n_pools, expected, atol=0.08)
    assert abs((seen / n_pools - expected).mean()) < 0.02


def test_counted_chances_equal_the_double_loop(dataset):
    query, document = dataset.pairs_of("train")
    table = Random(seed=4).retrieve(dataset, np.unique(query), 5)
    negatives = MinedNegatives(table, n_queries=dataset.n_queries)
    counted = Counted(dataset, query, document, negatives=negatives, per_row=2, batch_size=16)
    rate = np.zeros(dataset.n_documents)
    for q, d in zip(query, document, strict=True):
        rate[dataset.text_group[d]] += 1 / len(query)
        for other in table.filter(pl.col("query") == int(q))["document"]:
            rate[dataset.text_group[other]] += 2 / 5 / len(query)
    expected = [1 - (1 - min(each, 1.0)) ** 16 for each in rate]
    found = counted.chance(np.arange(dataset.n_documents, dtype=np.int32))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def stream(rng, chance, n_steps):
    for _ in range(n_steps):
        yield np.flatnonzero(rng.random(len(chance)) < chance).astype(np.int32)


def test_a_stream_comes_to_the_true_frequencies():
    chance = np.array([0.9, 0.5, 0.2, 0.1, 0.05])
    streaming = Streaming(rate=0.01, buckets=10_000, tables=2)
    found = np.ones(len(chance))
    for groups in stream(np.random.default_rng(0), chance, 20_000):
        found[groups] = streaming.chance(groups)
    np.testing.assert_allclose(found, chance, rtol=0.3)


def test_a_stream_follows_a_document_that_becomes_frequent():
    always, sometimes = np.array([0, 1], dtype=np.int32), np.array([0], dtype=np.int32)
    streaming = Streaming(rate=0.05, buckets=1_000, tables=1)
    for _ in range(100):
        rare = streaming.chance(always)[1]
        for _ in range(19):
            streaming.chance(sometimes)
    for _ in range(200):
        now = streaming.chance(always)[1]
    assert rare == pytest.approx(1 / 20, rel=0.01)
    assert now > 0.9


def test_more_tables_undo_collisions():
    n = 400
    chance = np.full(n, 0.02)
    error = {}
    for tables in (1, 4):
        streaming, found = Streaming(rate=0.02, buckets=300, tables=tables), np.full(n, np.nan)
        for groups in stream(np.random.default_rng(2), chance, 4_000):
            found[groups] = streaming.chance(groups)
        error[tables] = np.nanmean(found / chance)
    assert error[1] > 1.5  # documents that share a position seem to be one frequent document
    assert error[4] < error[1] - 0.3


def test_the_first_gap_is_taken_as_it_is():
    streaming = Streaming(rate=0.05, buckets=1_000, tables=1)
    one, two = np.array([1], dtype=np.int32), np.array([2], dtype=np.int32)
    assert streaming.chance(one)[0] == 1.0
    for _ in range(8):
        streaming.chance(one)
    assert streaming.chance(two)[0] == pytest.approx(1 / 10)


def test_a_stream_goes_on_from_a_copy():
    whole, first = (Streaming(rate=0.1, buckets=50, tables=2) for _ in range(2))
    steps = list(stream(np.random.default_rng(3), np.full(40, 0.2), 60))
    expected = [whole.chance(groups) for groups in steps]
    found = [first.chance(groups) for groups in steps[:30]]
    second = Streaming(rate=0.1, buckets=50, tables=2)
    second.load_state_dict(first.state_dict())
    found += [second.chance(groups) for groups in steps[30:]]
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)
