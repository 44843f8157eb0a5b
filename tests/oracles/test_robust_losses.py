"""The losses that tolerate noise, each against its formula written as a loop over pairs."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardneg.errors import RecipeError
from hardneg.losses import RINCE, Debiased, HardnessWeighted, InfoNCE, MarginInfoNCE, Triplet
from hardneg.losses.score_matrix import ScoreMatrix
from score_matrices import matrices


def rows(scores, target, allowed, weight):
    """For each query: its positive's score, and (score, weight) of each of its negatives."""
    for i, t in enumerate(target):
        negatives = [
            (float(scores[i][j]), float(weight[i][j])) for j in range(scores.shape[1]) if allowed[i][j] and j != t
        ]
        yield float(scores[i][t]), negatives


def info_nce(positive, negatives, *, temperature=0.05):
    return math.log(1 + sum(w * math.exp((s - positive) / temperature) for s, w in negatives))


def margin_info_nce(positive, negatives):
    return math.log(1 + sum(w * math.exp((s - positive + 0.1) / 0.05) for s, w in negatives))


def triplet_all(positive, negatives):
    total = sum(w for _, w in negatives)
    return sum(w * max(0.0, 0.2 + s - positive) for s, w in negatives) / total if total else 0.0


def triplet_hardest(positive, negatives):
    return max([w * max(0.0, 0.2 + s - positive) for s, w in negatives], default=0.0)


def debiased(positive, negatives, *, tau=0.05, temperature=0.1):
    n = sum(w for _, w in negatives)
    if not n:
        return 0.0
    mean = sum(w * math.exp(s / temperature) for s, w in negatives) / n
    g = max((mean - tau * math.exp(positive / temperature)) / (1 - tau), math.exp(-1 / temperature))
    return -math.log(math.exp(positive / temperature) / (math.exp(positive / temperature) + n * g))


def rince(positive, negatives, *, q=0.5, lam=0.5, temperature=0.1):
    if not any(w for _, w in negatives):
        return 0.0
    whole = lam * (math.exp(positive / temperature) + sum(w * math.exp(s / temperature) for s, w in negatives))
    return math.exp(-q / temperature) * (whole**q - math.exp(q * positive / temperature)) / q


def hardness_weighted(positive, negatives):
    return math.log(1 + sum(w * math.exp(5 * s) * math.exp((s - positive) / 0.05) for s, w in negatives))


PAIRS = [
    (InfoNCE(), info_nce),
    (MarginInfoNCE(), margin_info_nce),
    (Triplet(), triplet_all),
    (Triplet(negatives="hardest"), triplet_hardest),
    (Debiased(temperature=0.1), debiased),
    (RINCE(), rince),
    (RINCE(lam=0.025), partial(rince, lam=0.025)),
    (HardnessWeighted(), hardness_weighted),
]
LOSSES = [pytest.param(*pair, id=repr(pair[0])) for pair in PAIRS]


def as_matrix(scores, target, allowed, weight=None, *, grad=False):
    values = torch.from_numpy(scores.astype(np.float64)).requires_grad_(grad)
    weights = None if weight is None else torch.from_numpy(weight.astype(np.float64))
    return ScoreMatrix(values, torch.from_numpy(target), torch.from_numpy(allowed), weight=weights)


@pytest.mark.parametrize(("loss", "textbook"), LOSSES)
@given(arrays=matrices(), seed=st.integers(0, 99), weighted=st.booleans())
def test_each_loss_equals_its_double_loop(loss, textbook, arrays, seed, weighted):
    scores, target, allowed = arrays
    weight = np.ones(scores.shape)
    if weighted:
        weight = np.random.default_rng(seed).choice([0.0, 0.25, 1.0], size=scores.shape)
    expected = np.mean([textbook(*row) for row in rows(scores, target, allowed, weight)])
    found = loss(as_matrix(scores, target, allowed, weight if weighted else None))
    assert found.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("loss", "textbook"), LOSSES)
def test_the_gradient_is_that_of_finite_differences(loss, textbook):
    rng = np.random.default_rng(3)
    scores, target = rng.uniform(-1, 1, (4, 7)), np.array([0, 2, 2, 6])
    allowed, weight = rng.random((4, 7)) < 0.7, rng.random((4, 7))
    matrix = as_matrix(scores, target, allowed, weight, grad=True)
    loss(matrix).backward()
    fixed = scores.copy()  # no gradient flows through the weight of hardness_weighted
    for i, j in [(0, 0), (0, 3), (1, 2), (1, 5), (2, 1), (3, 6), (3, 0)]:
        step = 1e-6
        ends = []
        for sign in (1, -1):
            moved = scores.copy()
            moved[i, j] += sign * step
            weights = weight
            if isinstance(loss, HardnessWeighted):
                weights = weight * np.exp(loss.alpha * (fixed - moved))
            ends.append(np.mean([textbook(*row) for row in rows(moved, target, allowed, weights)]))
        assert matrix.scores.grad[i, j].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4, abs=1e-7)


@pytest.mark.parametrize(("loss", "textbook"), LOSSES)
def test_a_query_without_negatives_moves_nothing(loss, textbook):
    scores, target = np.array([[0.3, 0.9], [0.2, 0.1]]), np.array([0, 1])
    for allowed, weight in [(np.zeros((2, 2), bool), None), (np.ones((2, 2), bool), np.zeros((2, 2)))]:
        matrix = as_matrix(scores, target, allowed, weight, grad=True)
        found = loss(matrix)
        found.backward()
        assert found.item() == pytest.approx(0.0, abs=1e-12)
        assert matrix.scores.grad.abs().max().item() == 0.0


@pytest.mark.parametrize(("loss", "textbook"), LOSSES)
def test_huge_scores_do_not_overflow(loss, textbook):
    scores = torch.tensor([[300.0, -300.0, 299.0], [-300.0, 300.0, 10.0]], requires_grad=True)
    if isinstance(loss, RINCE):
        scores = (scores / 300).detach().requires_grad_()  # its terms are powers of exp(cosine / T) by definition
    found = loss(ScoreMatrix(scores, torch.tensor([0, 0]), torch.ones(2, 3, dtype=torch.bool)))
    found.backward()
    assert torch.isfinite(found)
    assert torch.isfinite(scores.grad).all()


@given(arrays=matrices())
def test_settings_at_their_ends_give_info_nce(arrays):
    scores, target, allowed = arrays
    plain = InfoNCE()(as_matrix(*arrays)).item()
    ones = np.ones(scores.shape)
    for loss in (MarginInfoNCE(margin=0), HardnessWeighted(alpha=0), Debiased(tau_plus=0, temperature=0.05)):
        assert loss(as_matrix(*arrays)).item() == pytest.approx(plain, rel=1e-6, abs=1e-9)
    assert InfoNCE()(as_matrix(*arrays, ones)).item() == pytest.approx(plain, rel=1e-9, abs=1e-12)
    masked = np.where(np.arange(scores.shape[1]) == 0, 0.0, ones)
    without = allowed & (masked > 0)
    assert InfoNCE()(as_matrix(*arrays, masked)).item() == pytest.approx(
        InfoNCE()(as_matrix(scores, target, without)).item(), rel=1e-9, abs=1e-12
    )


def test_rince_becomes_info_nce_as_q_vanishes():
    rng = np.random.default_rng(5)
    arrays = rng.uniform(-1, 1, (5, 8)), np.arange(5), np.ones((5, 8), bool)
    plain = InfoNCE(temperature=0.5)(as_matrix(*arrays)).item()
    limit = RINCE(q=1e-6, lam=0.2, temperature=0.5)(as_matrix(*arrays)).item()
    assert limit == pytest.approx(plain + math.log(0.2), rel=1e-4)


def test_rince_at_one_ignores_symmetric_noise():
    """At q = 1 and lam = 1 / 2, the losses of a pair as positive and as the only negative add up to a constant."""
    rng = np.random.default_rng(6)
    for a, b in rng.uniform(-1, 1, (5, 2)):
        arrays = np.array([[a, b]]), np.ones((1, 2), bool)
        loss = RINCE(q=1, lam=0.5, temperature=0.5)
        total = sum(loss(as_matrix(arrays[0], np.array([t]), arrays[1])).item() for t in (0, 1))
        assert total == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Triplet(margin=0), "margin"),
        (lambda: Triplet(negatives="some"), "negatives"),
        (lambda: MarginInfoNCE(margin=-1), "margin"),
        (lambda: Debiased(tau_plus=1), "tau_plus"),
        (lambda: RINCE(q=0), "q of rince"),
        (lambda: RINCE(lam=2), "lam"),
        (lambda: HardnessWeighted(alpha=math.inf), "alpha"),
        (lambda: Debiased(temperature=0), "temperature"),
    ],
)
def test_a_value_out_of_range_is_named(make, named):
    with pytest.raises(RecipeError, match=named):
        make()
