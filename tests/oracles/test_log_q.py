"""The correction for sampled documents against the textbook, and against the sum that it stands for."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardneg.losses import HardnessWeighted, InfoNCE, MarginInfoNCE
from hardneg.losses.score_matrix import ScoreMatrix


@st.composite
def cases(draw):
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return (
        rng.uniform(-1, 1, (rows, columns)),
        rng.integers(0, columns, rows),
        rng.random((rows, columns)) < 0.8,
        np.log(rng.uniform(0.001, 1, (rows, columns))),
    )


def textbook(scores, target, allowed, log_q, *, temperature, margin=0.0, alpha=0.0):
    total = 0.0
    for i, t in enumerate(target):
        positive = math.exp((scores[i][t] - margin) / temperature - log_q[i][t])
        denominator = positive
        for j in range(scores.shape[1]):
            if j != t and allowed[i][j]:
                denominator += math.exp(scores[i][j] / temperature + alpha * scores[i][j] - log_q[i][j])
        total -= math.log(positive / denominator)
    return total / len(target)


@given(cases())
@pytest.mark.parametrize(
    ("loss", "extra"),
    [
        (InfoNCE(temperature=0.2), {}),
        (MarginInfoNCE(margin=0.3, temperature=0.2), {"margin": 0.3}),
        (HardnessWeighted(alpha=2.0, temperature=0.2), {"alpha": 2.0}),
    ],
)
def test_a_corrected_loss_equals_the_double_loop(loss, extra, case):
    scores, target, allowed, log_q = case
    matrix = ScoreMatrix(*map(torch.from_numpy, (scores, target, allowed)), log_q=torch.from_numpy(log_q))
    assert float(loss(matrix)) == pytest.approx(textbook(*case, temperature=0.2, **extra), rel=1e-9, abs=1e-9)


@given(cases())
def test_a_chance_of_one_corrects_nothing(case):
    scores, target, allowed, log_q = map(torch.from_numpy, case)
    plain = InfoNCE()(ScoreMatrix(scores, target, allowed))
    assert float(InfoNCE()(ScoreMatrix(scores, target, allowed, log_q=torch.zeros_like(log_q)))) == float(plain)


@given(cases())
def test_with_an_uncorrected_positive_the_gradient_is_that_of_the_paper(case):
    """arXiv:2507.09331: (1 - P) times (negatives' mean gradient by corrected softmax - positive's gradient)."""
    scores, target, allowed, log_q = map(torch.from_numpy, case)
    rows = torch.arange(len(target))
    log_q[rows, target] = 0.0
    scores.requires_grad_()
    matrix = ScoreMatrix(scores, target, allowed, log_q=log_q)
    InfoNCE(temperature=0.5)(matrix).backward()
    with torch.no_grad():
        negative = (scores / 0.5 - log_q).exp() * matrix.is_negative
        positive = (scores[rows, target] / 0.5).exp()
        wrong = 1 - positive / (positive + negative.sum(dim=1))
        expected = wrong[:, None] * negative / negative.sum(dim=1, keepdim=True).clamp_min(1e-30)
        expected[rows, target] = -wrong
    np.testing.assert_allclose(scores.grad.numpy(), expected.numpy() / 0.5 / len(target), atol=1e-9)


def test_the_sum_over_a_sampled_pool_expects_to_be_the_sum_over_all_documents():
    rng = np.random.default_rng(0)
    scores, popularity = rng.uniform(-1, 1, 50), 1 / np.arange(1, 51)
    drawn = rng.choice(50, size=(20_000, 16), p=popularity / popularity.sum())
    chance = 1 - (1 - popularity / popularity.sum()) ** 16
    sums = [np.exp(scores[pool] - np.log(chance[pool])).sum() for pool in map(np.unique, drawn)]
    assert np.mean(sums) == pytest.approx(np.exp(scores).sum(), rel=0.02)
