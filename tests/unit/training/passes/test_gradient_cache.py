"""The gradient cache against one plain pass, and what it keeps."""

import itertools

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from sentence_transformers import SentenceTransformer

from hardneg.losses import LOSSES
from hardneg.training.masks import OwnScore
from hardneg.training.passes.embedding import TwoTowers
from hardneg.training.passes.gradient_cache import CachedPass
from hardneg.training.plan import Step, TrainingData
from hardneg.training.sampling.batches import MinedNegatives, training_pairs
from hardneg.training.settings import TrainSettings
from hardneg.training.step import compute_gradient
from hardneg.training.teacher_scores import TeacherScores
from tiny_model import build_tiny_model
from toy import toy_dataset, toy_negatives, toy_scores

TEXTS = toy_dataset().document_texts.to_list()
QUERIES = toy_dataset().query_texts.to_list()


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("tiny"), [*TEXTS, *QUERIES])


def towers_of(start, *, dropout=False):
    model = SentenceTransformer(str(start), device="cpu").train(dropout)
    return TwoTowers(model, query_prompt=None, document_prompt=None, bf16=False)


def gradient_of(towers):
    return torch.cat([p.grad.flatten() for p in towers.parameters() if p.grad is not None])


def gradient_of_step(start, settings, batches):
    toy, towers = toy_dataset(), towers_of(start)
    pairs = training_pairs(toy, "train")
    negatives = toy_negatives().with_columns(weight=(1 + toy_negatives()["document"] % 3) / 3)
    scores = TeacherScores.from_table(toy_scores(), toy)
    data = TrainingData(toy, *pairs, MinedNegatives(negatives, n_queries=toy.n_queries), scores)
    measured = compute_gradient(Step(0, batches), data, towers, Accelerator(cpu=True), settings)
    return measured, gradient_of(towers)


@pytest.mark.parametrize("loss", [cls() for cls in LOSSES.values()], ids=repr)
@pytest.mark.parametrize("shared_negatives", [True, False])
def test_the_gradient_is_the_plain_one_for_every_loss(start, loss, shared_negatives):
    common = {"loss": loss, "shared_negatives": shared_negatives, "max_grad_norm": None, "mask": OwnScore(margin=0.01)}
    batches = [np.arange(6), np.arange(9, 18)]
    plain, expected = gradient_of_step(start, TrainSettings(**common), batches)
    for cache_tokens in (1, 100):
        measured, found = gradient_of_step(start, TrainSettings(**common, cache_tokens=cache_tokens), batches)
        assert measured.loss == pytest.approx(plain.loss, rel=1e-6)
        assert (found - expected).norm() <= 1e-5 * expected.norm()


def passed(start, cache_tokens):
    """A model with dropout, its vectors of a first pass, and the vectors of every pass that its towers made."""
    torch.manual_seed(5)
    towers, made = towers_of(start, dropout=True), []
    towers.register_forward_hook(lambda module, given, out: made.append(torch.cat(out).detach()))
    vectors, pull_back = CachedPass(towers, Accelerator(cpu=True), sync=True, cache_tokens=cache_tokens)(
        QUERIES[:5], TEXTS[:7]
    )
    return towers, vectors, pull_back, made


def test_with_dropout_each_chunk_is_embedded_a_second_time_to_the_same_vectors(start):
    towers, vectors, pull_back, made = passed(start, 40)
    pull_back(tuple(torch.ones_like(each) for each in vectors))
    half = len(made) // 2
    assert half > 2
    for first, second in itertools.zip_longest(made[:half], made[half:]):
        assert torch.equal(first, second)
    assert not torch.allclose(torch.cat(towers.eval()(QUERIES[:5], TEXTS[:7])), torch.cat(vectors), atol=1e-2)


def test_with_dropout_the_gradient_is_that_of_the_same_chunks_kept_all_at_once(start):
    towers, vectors, pull_back, _ = passed(start, 40)
    leaves = [each.clone().requires_grad_() for each in vectors]
    loss = (leaves[0] @ leaves[1].T / 0.05).logsumexp(dim=1).sum()
    pull_back(torch.autograd.grad(loss, leaves))

    torch.manual_seed(5)
    other = towers_of(start, dropout=True)
    chunks = other.cut(QUERIES[:5], TEXTS[:7], max_tokens=40)
    kept = torch.cat([torch.cat(other(chunk.queries, chunk.documents)) for chunk in chunks])
    kept = kept[np.argsort(np.concatenate([chunk.rows for chunk in chunks]))]
    (kept[:5] @ kept[5:].T / 0.05).logsumexp(dim=1).sum().backward()
    assert (gradient_of(towers) - gradient_of(other)).norm() <= 1e-5 * gradient_of(other).norm()


def test_random_numbers_go_on_after_a_step_from_where_its_first_pass_left_them(start):
    _, vectors, pull_back, _ = passed(start, 40)
    after_first_pass = torch.get_rng_state()
    pull_back(tuple(torch.ones_like(each) for each in vectors))
    assert torch.equal(torch.get_rng_state(), after_first_pass)


def test_what_is_kept_for_the_way_back_grows_with_the_chunk_and_not_with_the_batch(start):
    def most_kept(n_texts, cache_tokens):
        kept = {"now": 0, "most": 0}

        class Held:
            def __init__(self, tensor):
                self.tensor = tensor
                kept["now"] += tensor.numel()
                kept["most"] = max(kept["most"], kept["now"])

            def __del__(self):
                kept["now"] -= self.tensor.numel()

        towers = towers_of(start)
        weights = {weight.data_ptr() for weight in towers.parameters()}
        texts = [TEXTS[at % len(TEXTS)] for at in range(n_texts)]

        def hold(tensor):
            return tensor if tensor.data_ptr() in weights else Held(tensor)

        with torch.autograd.graph.saved_tensors_hooks(hold, lambda held: getattr(held, "tensor", held)):
            vectors, pull_back = CachedPass(towers, Accelerator(cpu=True), sync=True, cache_tokens=cache_tokens)(
                texts, texts
            )
            assert kept["most"] == 0
            pull_back(tuple(torch.ones_like(each) for each in vectors))
        return kept["most"]

    assert most_kept(160, 128) <= 1.25 * most_kept(20, 128)
    assert most_kept(160, 1_024) > 4 * most_kept(160, 128)
