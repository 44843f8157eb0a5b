import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from hardneg.domains.recommender.build import interactions_dataset
from hardneg.domains.recommender.item_model import build_item_model
from hardneg.errors import Interrupted, RecipeError
from hardneg.losses import KL, InfoNCE, WeightedSum
from hardneg.sources import Random
from hardneg.training import session
from hardneg.training.loop import train
from hardneg.training.plan import TrainingData, batch_of, counted, pool_of
from hardneg.training.pool.sampling_bias import Counted, Streaming
from hardneg.training.pool.settings import LogQ, Queue
from hardneg.training.sampling.batches import MinedNegatives
from hardneg.training.sampling.replacement import Replacement
from hardneg.training.settings import TrainSettings
from hardneg.training.step import with_chances
from interactions_toy import toy_events, toy_items
from scored_pools import score_pool

SETTINGS = TrainSettings(batch_size=8, repeat_documents=True, log_q=LogQ(), negatives_per_row=1, precision="fp32")


@pytest.fixture(scope="module")
def dataset():
    return interactions_dataset(toy_events(), toy_items(), min_rating=1)[0]


def data_of(dataset, settings):
    query, document = dataset.pairs_of("train")
    table = Random(seed=1).retrieve(dataset, np.unique(query), 6)
    answers = dataset.is_answer(table["query"].to_numpy(), table["document"].to_numpy())
    negatives = MinedNegatives(table.filter(~pl.Series(answers)), n_queries=dataset.n_queries)
    return counted(TrainingData(dataset, query, document, negatives), settings)


def towers(queries, documents):
    return torch.ones(len(queries), 2), torch.ones(len(documents), 2)


def log_q_of(dataset, settings):
    data = data_of(dataset, settings)
    batch = batch_of(data, np.arange(8), epoch=0, settings=settings)
    pool = pool_of(data, batch, settings)
    matrix = score_pool(batch.query, pool, dataset, towers)
    return data, batch, pool, with_chances(matrix, data, batch, pool, settings).log_q.numpy()


def test_every_column_has_the_chance_that_was_counted(dataset):
    data, _, pool, log_q = log_q_of(dataset, SETTINGS)
    expected = np.log(data.frequency.chance(dataset.text_group[pool.document]))
    np.testing.assert_allclose(log_q, np.tile(expected, (8, 1)), rtol=1e-5)


def test_an_uncorrected_positive_is_there_by_choice(dataset):
    _, _, pool, corrected = log_q_of(dataset, SETTINGS)
    _, _, _, uncorrected = log_q_of(dataset, replace(SETTINGS, log_q=LogQ(positive="uncorrected")))
    is_target = np.zeros_like(corrected, dtype=bool)
    is_target[np.arange(8), pool.target] = True
    assert (uncorrected[is_target] == 0).all()
    np.testing.assert_array_equal(uncorrected[~is_target], corrected[~is_target])


def test_a_negative_that_serves_its_own_row_only_is_there_by_choice(dataset):
    _, batch, pool, log_q = log_q_of(dataset, replace(SETTINGS, shared_negatives=False))
    group = dataset.text_group
    for row, document in zip(batch.negative_row, batch.negative, strict=True):
        assert log_q[row, group[pool.document] == group[document]].tolist() == [0.0]


def test_without_log_q_nothing_is_counted(dataset):
    assert data_of(dataset, replace(SETTINGS, log_q=None)).frequency is None
    assert isinstance(data_of(dataset, SETTINGS).frequency, Counted)


def test_a_stream_goes_on_when_negatives_are_mined_again(dataset):
    settings = replace(SETTINGS, log_q=LogQ(estimate="streaming", buckets=100))
    data = data_of(dataset, settings)
    assert isinstance(data.frequency, Streaming)
    assert counted(data, settings).frequency is data.frequency


def test_other_positives_of_a_user_are_no_negatives_in_any_column(dataset):
    """Also where another query, of the same user or of another, brought the item into the batch."""
    data = data_of(dataset, SETTINGS)
    query, document = data.query, data.document
    user = dataset.queries["history_of"].gather(query)
    taken = {(u, int(d)) for u, d in zip(user, document, strict=True)}
    n_masked = 0
    for start in range(0, len(query) - 8, 8):
        batch = batch_of(data, np.arange(start, start + 8), epoch=0, settings=SETTINGS)
        pool = pool_of(data, batch, SETTINGS)
        for row, own in enumerate(dataset.queries["history_of"].gather(batch.query)):
            for column, each in enumerate(pool.document):
                if (own, int(each)) in taken and column != pool.target[row]:
                    assert not pool.allowed[row, column]
                    n_masked += 1
    assert n_masked > 50


def test_answers_of_test_do_not_shape_what_a_users_training_queries_meet(dataset):
    query, document = dataset.pairs_of("test")
    training = dataset.queries_of("train")
    history_of = dataset.queries["history_of"]
    n_open = 0
    for q, d in zip(query, document, strict=True):
        own = training[(history_of.gather(training) == history_of[int(q)]).to_numpy()]
        n_open += int((~dataset.is_answer(own, np.full(len(own), d, dtype=np.int32))).sum())
    assert n_open > 0.9 * sum((history_of.gather(training) == history_of[int(q)]).sum() for q in query)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": KL()}, "cannot be corrected"),
        ({"loss": WeightedSum((InfoNCE(), KL()), (1.0, 1.0))}, "cannot be corrected"),
        ({"repeat_documents": False}, "repeat_documents = true"),
        ({"queue": Queue(size=8)}, "stays in a queue"),
        ({"replacement": Replacement()}, 'estimate = "streaming"'),
    ],
)
def test_settings_under_which_no_chance_is_known_are_refused(changes, message):
    with pytest.raises(RecipeError, match=message):
        replace(SETTINGS, **changes)


@pytest.mark.parametrize(
    "values", [{"estimate": "guess"}, {"positive": "maybe"}, {"rate": 1.0}, {"buckets": 0}, {"tables": 0}]
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(RecipeError, match=next(iter(values))):
        LogQ(**values)


@pytest.mark.parametrize("estimate", ["counts", "streaming"])
def test_a_run_that_was_stopped_ends_like_one_that_was_not(dataset, tmp_path, monkeypatch, estimate):
    settings = replace(SETTINGS, epochs=2, log_q=LogQ(estimate=estimate, buckets=64), learning_rate=0.05)
    model = build_item_model(dataset, tmp_path / "items", dimension=8, min_items=1)
    query, _ = dataset.pairs_of("train")
    table = Random(seed=1).retrieve(dataset, np.unique(query), 4)
    whole = train(model, dataset, table, settings=settings, out=tmp_path / "whole")
    keep = session.keep
    monkeypatch.setattr(
        "hardneg.training.loop.keep", lambda *a, step, **k: keep(*a, **{**k, "step": step, "stop": step == 5})
    )
    with pytest.raises(Interrupted):
        train(model, dataset, table, settings=settings, out=tmp_path / "parts")
    monkeypatch.setattr("hardneg.training.loop.keep", keep)
    parts = train(model, dataset, table, settings=settings, out=tmp_path / "parts")
    assert (whole.path / "model.safetensors").read_bytes() == (parts.path / "model.safetensors").read_bytes()
    losses = [json.loads(line)["loss"] for line in (tmp_path / "parts" / "loss.jsonl").read_text().splitlines()]
    assert len(losses) == whole.n_steps
