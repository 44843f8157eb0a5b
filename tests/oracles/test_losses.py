"""Each loss against the textbook, written as a double loop in float64; gradients against finite differences."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hardneg.losses import LOSSES, RINCE, Debiased, HardnessWeighted, InfoNCE, MarginInfoNCE, Triplet
from hardneg.losses.score_matrix import ScoreMatrix
from hardneg.losses.weighted_sum import needs_teacher


def negatives_of(i, target, allowed, weight):
    return [j for j in range(len(allowed[i])) if allowed[i][j] and j != target[i] and weight[i][j] > 0]


def textbook_info_nce(loss, scores, target, allowed, weight, frozen):
    total = 0.0
    for i, t in enumerate(target):
        denominator = math.exp(0)
        for j in negatives_of(i, target, allowed, weight):
            denominator += weight[i][j] * math.exp((scores[i][j] - scores[i][t]) / loss.temperature)
        total += math.log(denominator)
    return total / len(target)


def textbook_margin_info_nce(loss, scores, target, allowed, weight, frozen):
    total = 0.0
    for i, t in enumerate(target):
        positive = math.exp((scores[i][t] - loss.margin) / loss.temperature)
        denominator = positive
        for j in negatives_of(i, target, allowed, weight):
            denominator += weight[i][j] * math.exp(scores[i][j] / loss.temperature)
        total -= math.log(positive / denominator)
    return total / len(target)


def textbook_hardness_weighted(loss, scores, target, allowed, weight, frozen):
    total = 0.0
    for i, t in enumerate(target):
        positive = math.exp(scores[i][t] / loss.temperature)
        denominator = positive
        for j in negatives_of(i, target, allowed, weight):
            hard = math.exp(loss.alpha * frozen[i][j])
            denominator += weight[i][j] * hard * math.exp(scores[i][j] / loss.temperature)
        total -= math.log(positive / denominator)
    return total / len(target)


def textbook_debiased(loss, scores, target, allowed, weight, frozen):
    total = 0.0
    for i, t in enumerate(target):
        negatives = negatives_of(i, target, allowed, weight)
        n = sum(weight[i][j] for j in negatives)
        positive = math.exp(scores[i][t] / loss.temperature)
        summed = sum(weight[i][j] * math.exp(scores[i][j] / loss.temperature) for j in negatives)
        corrected = (summed - n * loss.tau_plus * positive) / (1 - loss.tau_plus)
        total -= math.log(positive / (positive + max(corrected, n * math.exp(-1 / loss.temperature))))
    return total / len(target)


def textbook_rince(loss, scores, target, allowed, weight, frozen):
    total = 0.0
    for i, t in enumerate(target):
        negatives = negatives_of(i, target, allowed, weight)
        positive = math.exp(scores[i][t] / loss.temperature)
        summed = sum(weight[i][j] * math.exp(scores[i][j] / loss.temperature) for j in negatives)
        if negatives:
            total += -(positive**loss.q) / loss.q + (loss.lam * (positive + summed)) ** loss.q / loss.q
    return total / len(target) * math.exp(-loss.q / loss.temperature)


def textbook_triplet(loss, scores, target, allowed, weight, frozen):
    total = 0.0
    for i, t in enumerate(target):
        negatives = negatives_of(i, target, allowed, weight)
        hinges = [weight[i][j] * max(0.0, loss.margin + scores[i][j] - scores[i][t]) for j in negatives]
        if loss.negatives == "all":
            total += sum(hinges) / (sum(weight[i][j] for j in negatives) or 1.0)
        elif hinges:
            total += max(hinges)
    return total / len(target)


TEXTBOOK = {
    InfoNCE: textbook_info_nce,
    MarginInfoNCE: textbook_margin_info_nce,
    HardnessWeighted: textbook_hardness_weighted,
    Debiased: textbook_debiased,
    RINCE: textbook_rince,
    Triplet: textbook_triplet,
}
CASES = [
    InfoNCE(temperature=0.01),
    InfoNCE(),
    InfoNCE(temperature=1.0),
    MarginInfoNCE(),
    MarginInfoNCE(margin=0.3, temperature=0.5),
    HardnessWeighted(),
    HardnessWeighted(alpha=9, temperature=0.02),
    Debiased(),
    Debiased(tau_plus=0.0),
    Debiased(tau_plus=0.3, temperature=0.5),
    RINCE(),
    RINCE(q=0.5, lam=0.5, temperature=0.5),
    RINCE(q=1.0, lam=0.01, temperature=1.0),
    Triplet(),
    Triplet(margin=0.7, negatives="hardest"),
]


@st.composite
def matrices(draw):
    """Scores, targets, what is allowed, and weights among which 0 and 1 are common."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 9)))
    scores = draw(hnp.arrays(np.float64, shape, elements=st.floats(-1, 1, width=32)))
    target = draw(hnp.arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)))
    weight = st.sampled_from([0.0, 1.0, 1.0, 0.25, 0.5, 0.015625])
    return scores, target, draw(hnp.arrays(bool, shape)), draw(hnp.arrays(np.float64, shape, elements=weight))


def expected_of(loss, scores, target, allowed, weight, frozen=None):
    return TEXTBOOK[type(loss)](loss, scores, target, allowed, weight, scores if frozen is None else frozen)


def test_every_loss_has_a_textbook():
    without_teacher = {loss for loss in LOSSES.values() if not needs_teacher(loss())}  # the others: test_distillation
    assert set(TEXTBOOK) == without_teacher == {type(loss) for loss in CASES}


@pytest.mark.parametrize("loss", CASES, ids=repr)
@given(matrices())
def test_a_loss_equals_its_double_loop(loss, arrays):
    scores, target, allowed, weight = arrays
    matrix = ScoreMatrix(*map(torch.from_numpy, (scores, target, allowed)))
    plain = expected_of(loss, scores, target, allowed, np.ones_like(scores))
    assert loss(matrix).item() == pytest.approx(plain, rel=1e-7, abs=1e-9)
    matrix = ScoreMatrix(*map(torch.from_numpy, (scores, target, allowed)), weight=torch.from_numpy(weight))
    weighted = expected_of(loss, scores, target, allowed, weight)
    assert loss(matrix).item() == pytest.approx(weighted, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("loss", CASES, ids=repr)
@given(matrices())
def test_a_loss_in_float32_stays_near_its_double_loop(loss, arrays):
    scores, target, allowed, weight = arrays
    matrix = ScoreMatrix(
        torch.from_numpy(scores.astype(np.float32)),
        *map(torch.from_numpy, (target, allowed)),
        weight=torch.from_numpy(weight.astype(np.float32)),
    )
    expected = expected_of(loss, scores, target, allowed, weight)
    assert loss(matrix).dtype == torch.float32
    assert loss(matrix).item() == pytest.approx(expected, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("loss", CASES, ids=repr)
@given(st.integers(0, 10_000))
@settings(max_examples=10)
def test_a_gradient_equals_finite_differences_of_the_double_loop(loss, seed):
    rng = np.random.default_rng(seed)
    scores, allowed = rng.uniform(-1, 1, (3, 5)), rng.random((3, 5)) < 0.7
    target, weight = rng.integers(0, 5, 3), rng.choice([0.0, 0.3, 1.0], (3, 5))
    given_scores = torch.from_numpy(scores.copy()).requires_grad_()
    loss(
        ScoreMatrix(given_scores, *map(torch.from_numpy, (target, allowed)), weight=torch.from_numpy(weight))
    ).backward()
    expected = np.zeros_like(scores)
    for cell in np.ndindex(scores.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = scores.copy()
            moved[cell] += step
            ends.append(expected_of(loss, moved, target, allowed, weight, frozen=scores))
        expected[cell] = (ends[0] - ends[1]) / 2e-6
    size = max(1.0, np.abs(expected).max())
    assert given_scores.grad.numpy() == pytest.approx(expected, rel=1e-4, abs=1e-6 * size)
