"""The queue against a list of documents and a textbook loss over texts."""

import copy
import math
from collections import deque

import numpy as np
import polars as pl
import pytest
import torch
from accelerate import Accelerator
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from hardneg.errors import RecipeError
from hardneg.losses.info_nce import InfoNCE
from hardneg.training.passes.embedding import TwoTowers
from hardneg.training.plan import TrainingData, batch_of, plan_steps
from hardneg.training.pool.pool import build_pool, judged_negative
from hardneg.training.pool.queue import Queued, QueueState, widen
from hardneg.training.pool.settings import Queue
from hardneg.training.sampling.batches import MinedNegatives, assemble, training_pairs
from hardneg.training.settings import TrainSettings
from hardneg.training.step import compute_gradient
from tiny_model import build_tiny_model
from toy import toy_dataset, toy_negatives

TOY = toy_dataset()


@pytest.fixture(scope="module")
def toy():
    return TOY


@pytest.fixture(scope="module")
def start(tmp_path_factory, toy):
    return build_tiny_model(tmp_path_factory.mktemp("start"), [*toy.query_texts, *toy.document_texts])


def towers_of(start):
    model = SentenceTransformer(str(start), device="cpu").eval()
    return TwoTowers(model, query_prompt=None, document_prompt=None, bf16=False)


def data_of(toy):
    return TrainingData(toy, *training_pairs(toy, "train"), MinedNegatives(toy_negatives(), n_queries=toy.n_queries))


@torch.no_grad()
def vectors(towers, toy, queries, documents):
    return towers([toy.query_texts[int(q)] for q in queries], [toy.document_texts[int(d)] for d in documents])


def textbook_loss(toy, batch, pool, queries, documents, queue=()):
    """Mean over rows of the cross-entropy of the positive among the pool and what is only in the queue."""
    remembered = {int(toy.text_group[document]): (document, vector) for document, vector in queue}  # the newest stays
    here = {int(toy.text_group[document]) for document in pool}
    total = 0.0
    for row, (query, positive) in enumerate(zip(batch.query, batch.document, strict=True)):
        scores = {int(document): float(queries[row] @ documents[at]) for at, document in enumerate(pool)}
        scores |= {int(d): float(queries[row] @ v) for group, (d, v) in remembered.items() if group not in here}
        answers = {d for d in scores if toy.is_answer(np.array([query]), np.array([d]))[0]}
        target = next(d for d in pool if toy.text_group[d] == toy.text_group[positive])
        logits = [scores[int(target)]] + [score for d, score in scores.items() if d not in answers]
        total += math.log(sum(math.exp(logit / 0.05) for logit in logits)) - logits[0] / 0.05
    return total / len(batch)


@pytest.mark.parametrize("momentum", [None, 0.9])
@pytest.mark.parametrize("size", [7, 25])
def test_the_loss_of_each_step_is_the_textbook_loop_over_the_documents_of_earlier_steps(start, toy, momentum, size):
    data, towers = data_of(toy), towers_of(start)
    settings = TrainSettings(
        batch_size=6,
        epochs=2,
        negatives_per_row=1,
        max_grad_norm=None,
        queue=Queue(size=size, momentum=momentum, warmup=2),
    )
    queue, remembered, keys = QueueState(settings.queue, towers), deque(maxlen=size), copy.deepcopy(towers)
    optimizer = torch.optim.SGD(towers.parameters(), lr=0.05)
    for number, step in enumerate(plan_steps(data, settings)[:9]):
        batch = batch_of(data, step.batches[0], epoch=step.epoch, settings=settings)
        pool = build_pool(toy, batch).document
        if momentum is not None:
            with torch.no_grad():
                for own, trained in zip(keys.parameters(), towers.parameters(), strict=True):
                    own.copy_(momentum * own + (1 - momentum) * trained)
        queries, documents = vectors(towers, toy, batch.query, pool)
        new = vectors(towers if momentum is None else keys, toy, [0], pool)[1]
        expected, n_queued = textbook_loss(toy, batch, pool, queries, documents), 0
        if number >= 2:
            expected = (expected + textbook_loss(toy, batch, pool, queries, new, remembered)) / 2
            n_queued = len(remembered)
        remembered.extend(zip(pool.tolist(), new, strict=True))
        measured = compute_gradient(step, data, towers, Accelerator(cpu=True), settings, queue=queue)
        assert measured.loss == pytest.approx(expected, rel=1e-4)
        assert measured.n_pool == len(pool) + n_queued
        optimizer.step()
        optimizer.zero_grad()
    assert len(queue.ring) == size


def test_no_gradient_flows_into_the_queue_and_the_key_encoder_stays_apart(start, toy):
    data, towers = data_of(toy), towers_of(start)
    settings = TrainSettings(batch_size=6, queue=Queue(size=20, momentum=0.5))
    queue = QueueState(settings.queue, towers)
    for step in plan_steps(data, settings)[:2]:
        compute_gradient(step, data, towers, Accelerator(cpu=True), settings, queue=queue)
    assert not queue.ring.queued().vectors.requires_grad
    assert all(weight.grad is None for weight in queue._encoder.towers.parameters())
    shared = {weight.data_ptr() for weight in towers.parameters()}
    assert shared.isdisjoint(weight.data_ptr() for weight in queue._encoder.towers.parameters())


def test_beside_the_queue_no_gradient_flows_into_documents(start, toy):
    data, towers = data_of(toy), towers_of(start)
    settings = TrainSettings(batch_size=6, negatives_per_row=0, max_grad_norm=None, queue=Queue(size=40))
    queue = QueueState(settings.queue, towers)
    first, second = plan_steps(data, settings)[:2]
    compute_gradient(first, data, towers, Accelerator(cpu=True), settings, queue=queue)
    towers.zero_grad()
    older = queue.ring.queued()
    batch = batch_of(data, second.batches[0], epoch=second.epoch, settings=settings)
    pool = build_pool(toy, batch)
    wide = widen(pool, Queued(older.document, older.group, older.newest, older.vectors), dataset=toy, batch=batch)

    texts = [toy.query_texts[int(q)] for q in batch.query], [toy.document_texts[int(d)] for d in pool.document]
    queries, documents = towers(*texts)
    losses = []
    for columns, allowed in (
        (documents, pool.allowed),
        (torch.cat([documents.detach(), older.vectors.clone()]), wide.allowed),
    ):
        logits = (queries @ columns.T / 0.05).masked_fill(~torch.from_numpy(allowed), -math.inf)
        losses.append(torch.nn.functional.cross_entropy(logits, torch.from_numpy(pool.target)))
    expected = torch.autograd.grad(sum(losses) / 2, list(towers.parameters()), allow_unused=True)
    compute_gradient(second, data, towers, Accelerator(cpu=True), settings, queue=queue)
    for weight, right in zip(towers.parameters(), expected, strict=True):
        if right is not None:
            torch.testing.assert_close(weight.grad, right, rtol=1e-4, atol=1e-6)


@hypothesis_settings(deadline=None)  # the first call sorts all texts
@given(st.data())
def test_columns_of_the_queue_are_allowed_and_weighed_as_a_double_loop_says(data):
    toy = TOY
    queries = data.draw(st.lists(st.integers(0, 22), min_size=1, max_size=5, unique=True))
    pairs = st.tuples(st.integers(0, 22), st.integers(0, 39))
    weights = data.draw(st.dictionaries(pairs, st.sampled_from([0.0, 0.25, 1.0]), max_size=40))
    table = pl.DataFrame(
        [(*pair, weight) for pair, weight in weights.items()],
        schema={"query": pl.Int32, "document": pl.Int32, "weight": pl.Float32},
        orient="row",
    )
    rows = (np.array(queries, np.int32), np.array(queries, np.int32))
    mined = MinedNegatives(table, n_queries=24)
    batch = assemble(np.arange(len(queries)), *rows, mined, per_row=1, epoch=0, seed=0)
    pool = build_pool(toy, batch)
    document = np.array(data.draw(st.lists(st.integers(0, 39), min_size=1, max_size=30)), np.int32)
    newest = np.array([at == document.tolist()[::-1].index(d) for at, d in enumerate(document[::-1])])[::-1]
    queued = Queued(document, toy.text_group[document], newest.copy(), torch.zeros(len(document), 1))
    wide = widen(pool, queued, dataset=toy, batch=batch)
    assert wide.document.tolist() == [*pool.document.tolist(), *document.tolist()]
    assert (wide.allowed[:, : len(pool.document)] == pool.allowed).all()
    for row, query in enumerate(batch.query.tolist()):
        for at, (d, is_newest) in enumerate(zip(document.tolist(), newest, strict=True), len(pool.document)):
            weight = weights.get((query, d), 1.0)
            answer = toy.is_answer(np.array([query]), np.array([d]))[0]
            assert wide.allowed[row, at] == (is_newest and d not in pool.document and not answer and weight > 0)
            assert wide.weight is None or wide.weight[row, at] == weight


def test_documents_judged_not_relevant_are_found_in_a_queue_in_any_order_and_with_copies(tiny):
    document = np.array([3, 7, 0, 7, 1], np.int32)  # d7 is judged not relevant to q0
    marked = judged_negative(tiny, np.array([1, 0], np.int32), document)
    assert marked.tolist() == [[False] * 5, [False, True, False, True, False]]


def test_a_loss_without_negatives_but_in_the_queue_learns_from_them(start, toy):
    data, towers = data_of(toy), towers_of(start)
    settings = TrainSettings(batch_size=2, negatives_per_row=0, queue=Queue(size=30), loss=InfoNCE())
    queue = QueueState(settings.queue, towers)
    measured = [
        compute_gradient(step, data, towers, Accelerator(cpu=True), settings, queue=queue)
        for step in plan_steps(data, settings)[:6]
    ]
    assert measured[0].n_pool == 2
    assert measured[-1].n_pool > measured[-2].n_pool
    assert measured[-1].loss > measured[0].loss


@pytest.mark.parametrize("wrong", [{"size": 0}, {"momentum": 1.0}, {"momentum": -0.1}, {"warmup": -1}])
def test_a_value_of_the_queue_outside_its_range_is_refused_by_name(wrong):
    with pytest.raises(RecipeError, match=next(iter(wrong))):
        Queue(**{"size": 8} | wrong)
