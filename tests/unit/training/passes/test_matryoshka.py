import math

import pytest
import torch
from accelerate import Accelerator
from sentence_transformers import SentenceTransformer

from hardneg.errors import RecipeError
from hardneg.training.loop import train
from hardneg.training.passes.embedding import TwoTowers
from hardneg.training.plan import TrainingData, batch_of, plan_steps
from hardneg.training.pool.pool import build_pool
from hardneg.training.pool.queue import QueueState
from hardneg.training.pool.settings import Queue
from hardneg.training.sampling.batches import MinedNegatives, training_pairs
from hardneg.training.settings import TrainSettings
from hardneg.training.step import compute_gradient
from tiny_model import build_tiny_model
from toy import toy_dataset, toy_negatives


@pytest.fixture(scope="module")
def toy():
    return toy_dataset()


@pytest.fixture(scope="module")
def start(tmp_path_factory, toy):
    return build_tiny_model(tmp_path_factory.mktemp("start"), [*toy.query_texts, *toy.document_texts])


def gradients(start, toy, settings):
    """What two steps measure, and the gradient of the second."""
    data = TrainingData(toy, *training_pairs(toy, "train"), MinedNegatives(toy_negatives(), n_queries=toy.n_queries))
    model = SentenceTransformer(str(start), device="cpu").eval()
    towers = TwoTowers(model, query_prompt=None, document_prompt=None, bf16=False)
    queue = None if settings.queue is None else QueueState(settings.queue, towers)
    for step in plan_steps(data, settings)[:2]:
        towers.zero_grad()
        measured = compute_gradient(step, data, towers, Accelerator(cpu=True), settings, queue=queue)
    batch = batch_of(data, step.batches[0], epoch=0, settings=settings)
    return measured, torch.cat([p.grad.flatten() for p in towers.parameters() if p.grad is not None]), batch


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_the_loss_is_the_mean_over_dimensions_of_a_loop_over_cut_vectors(start, toy, tmp_path, similarity):
    SentenceTransformer(str(start), device="cpu", similarity_fn_name=similarity).save_pretrained(str(tmp_path))
    settings = TrainSettings(batch_size=6, matryoshka=(4, 32, 16))
    measured, _, batch = gradients(tmp_path, toy, settings)
    model = SentenceTransformer(str(start), device="cpu")
    found = []
    for size in settings.matryoshka:
        encode = {"truncate_dim": size, "normalize_embeddings": similarity == "cosine"}
        queries, documents = (
            model.encode(toy.query_texts.to_list(), **encode),
            model.encode(toy.document_texts.to_list(), **encode),
        )
        pool = build_pool(toy, batch)
        for row, (query, target) in enumerate(zip(batch.query, pool.target, strict=True)):
            weigh = {d: math.exp(float(queries[query] @ documents[d]) / 0.05) for d in pool.document[pool.allowed[row]]}
            found.append(-math.log(weigh[pool.document[target]] / sum(weigh.values())))
    assert measured.loss == pytest.approx(sum(found) / len(found), rel=1e-3)


def test_the_full_size_alone_is_the_plain_loss(start, toy):
    whole, cut = (gradients(start, toy, TrainSettings(batch_size=6, matryoshka=sizes)) for sizes in ((), (32,)))
    assert cut[0].loss == pytest.approx(whole[0].loss, rel=1e-5)
    assert (cut[1] - whole[1]).norm() < 1e-4 * whole[1].norm()


@pytest.mark.parametrize("queue", [None, Queue(size=9), Queue(size=9, momentum=0.5)])
def test_the_cache_gives_the_plain_gradient_of_cut_vectors_with_and_without_a_queue(start, toy, queue):
    common = {"batch_size": 6, "matryoshka": (8, 32), "queue": queue, "max_grad_norm": None}
    plain, expected, _ = gradients(start, toy, TrainSettings(**common))
    measured, found, _ = gradients(start, toy, TrainSettings(**common, cache_tokens=60))
    assert measured.loss == pytest.approx(plain.loss, rel=1e-6)
    assert (found - expected).norm() <= 1e-5 * expected.norm()


def test_a_trained_model_loads_at_a_smaller_size(start, toy, tmp_path):
    settings = TrainSettings(batch_size=8, matryoshka=(8, 32))
    trained = train(start, toy, toy_negatives(), settings=settings, out=tmp_path / "run")
    assert SentenceTransformer(str(trained.path), device="cpu", truncate_dim=8).encode(toy.query_texts[0]).shape == (8,)
    assert SentenceTransformer(str(trained.path), device="cpu").encode(toy.query_texts[0]).shape == (32,)


def test_more_dimensions_than_the_model_has_are_refused_before_any_work(start, toy, tmp_path):
    with pytest.raises(RecipeError, match=r"to 64 dimensions, but those of the model have 32"):
        train(start, toy, settings=TrainSettings(matryoshka=(8, 64)), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
