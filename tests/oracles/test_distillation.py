"""The losses that learn from a teacher, each against its formula written as a double loop in float64."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hardneg.losses import KL, LOSSES, InfoNCE, MarginMSE, Triplet, WeightedSum
from hardneg.losses.score_matrix import ScoreMatrix
from hardneg.losses.weighted_sum import needs_teacher


def textbook_margin_mse(loss, scores, teacher, target, allowed, weight):
    total = 0.0
    for i, t in enumerate(target):
        squares, weights = 0.0, 0.0
        for j in range(len(scores[i])):
            if j == t or not allowed[i][j] or math.isnan(teacher[i][j]) or math.isnan(teacher[i][t]):
                continue
            student = loss.scale * scores[i][t] - loss.scale * scores[i][j]
            squares += weight[i][j] * (student - (teacher[i][t] - teacher[i][j])) ** 2
            weights += weight[i][j]
        total += squares / weights if weights else 0.0
    return total / len(target)


def textbook_kl(loss, scores, teacher, target, allowed, weight):
    total = 0.0
    for i, t in enumerate(target):
        columns = [
            (j, 1.0 if j == t else weight[i][j])
            for j in range(len(scores[i]))
            if not math.isnan(teacher[i][j]) and (j == t or (allowed[i][j] and weight[i][j] > 0))
        ]
        if len(columns) < 2:
            continue
        p = [w * math.exp(teacher[i][j] / loss.teacher_temperature) for j, w in columns]
        q = [w * math.exp(loss.scale * scores[i][j] / loss.temperature) for j, w in columns]
        for one, other in zip(p, q, strict=True):
            total += one / sum(p) * math.log((one / sum(p)) / (other / sum(q)))
    return total / len(target) * loss.temperature**2


TEXTBOOK = {MarginMSE: textbook_margin_mse, KL: textbook_kl}
CASES = [
    MarginMSE(),
    MarginMSE(scale=1.0),
    KL(),
    KL(temperature=2.0, teacher_temperature=2.0),
    KL(temperature=0.05, teacher_temperature=0.5, scale=1.0),
]
each_loss = pytest.mark.parametrize("loss", CASES, ids=repr)


@st.composite
def matrices(draw):
    """Scores, a teacher's scores with gaps, targets, what is allowed, and weights among which 0 and 1 are common."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 9)))
    scores = draw(hnp.arrays(np.float64, shape, elements=st.floats(-1, 1, width=32)))
    score = st.one_of(st.floats(-12, 12, width=32), st.just(math.nan))
    teacher = draw(hnp.arrays(np.float64, shape, elements=score))
    target = draw(hnp.arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)))
    weight = st.sampled_from([0.0, 1.0, 1.0, 0.25, 0.5])
    return scores, teacher, target, draw(hnp.arrays(bool, shape)), draw(hnp.arrays(np.float64, shape, elements=weight))


def as_matrix(scores, teacher, target, allowed, weight=None, *, dtype=torch.float64):
    def tensor(values):
        return None if values is None else torch.tensor(values, dtype=dtype)

    given_scores = tensor(scores).requires_grad_()
    return ScoreMatrix(
        given_scores,
        torch.tensor(target),
        torch.tensor(allowed, dtype=torch.bool),
        teacher=tensor(teacher),
        weight=tensor(weight),
    )


def value_and_gradient(loss, matrix):
    found = loss(matrix)
    found.backward()
    return found.item(), matrix.scores.grad


def test_every_distilling_loss_has_a_textbook():
    assert set(TEXTBOOK) == {loss for loss in LOSSES.values() if needs_teacher(loss())} == {type(x) for x in CASES}


@each_loss
@given(matrices())
def test_a_loss_equals_its_double_loop(loss, arrays):
    *plain, weight = arrays
    textbook, ones = TEXTBOOK[type(loss)], np.ones_like(weight)
    assert loss(as_matrix(*plain)).item() == pytest.approx(textbook(loss, *plain, ones), rel=1e-7, abs=1e-9)
    assert loss(as_matrix(*arrays)).item() == pytest.approx(textbook(loss, *arrays), rel=1e-7, abs=1e-9)


@each_loss
@given(matrices())
def test_a_loss_in_float32_stays_near_its_double_loop(loss, arrays):
    found = loss(as_matrix(*arrays, dtype=torch.float32))
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(TEXTBOOK[type(loss)](loss, *arrays), rel=1e-3, abs=1e-3)


@each_loss
@given(st.integers(0, 10_000))
@settings(max_examples=10)
def test_a_gradient_equals_finite_differences_of_the_double_loop(loss, seed):
    rng = np.random.default_rng(seed)
    scores, allowed, target = rng.uniform(-1, 1, (3, 5)), rng.random((3, 5)) < 0.7, rng.integers(0, 5, 3)
    teacher = np.where(rng.random((3, 5)) < 0.2, math.nan, rng.uniform(-8, 8, (3, 5)))
    rest = (teacher, target, allowed, rng.choice([0.0, 0.3, 1.0], (3, 5)))
    _, gradient = value_and_gradient(loss, as_matrix(scores, *rest))
    expected = np.zeros_like(scores)
    for cell in np.ndindex(scores.shape):
        step = np.zeros_like(scores)
        step[cell] = 1e-6
        ends = [TEXTBOOK[type(loss)](loss, scores + sign * step, *rest) for sign in (1, -1)]
        expected[cell] = (ends[0] - ends[1]) / 2e-6
    size = max(1.0, np.abs(expected).max())
    assert gradient.numpy() == pytest.approx(expected, rel=1e-4, abs=1e-6 * size)


@each_loss
@given(matrices())
def test_a_student_that_agrees_with_the_teacher_has_nothing_to_learn(loss, arrays):
    _, teacher, *rest = arrays
    scores = np.nan_to_num(teacher) / loss.scale
    if isinstance(loss, KL):
        scores *= loss.temperature / loss.teacher_temperature
    value, gradient = value_and_gradient(loss, as_matrix(scores, teacher, *rest))
    assert value == pytest.approx(0.0, abs=1e-12)
    assert gradient.abs().max().item() == pytest.approx(0.0, abs=1e-6)


@each_loss
@pytest.mark.parametrize("spread", [300.0, 1e4])
def test_a_teacher_that_is_very_sure_gives_finite_losses_and_gradients_in_float32(loss, spread):
    arrays = [[0.9, -0.9, 0.1]], [[-spread, spread, math.nan]], [0], [[True] * 3]
    value, gradient = value_and_gradient(loss, as_matrix(*arrays, dtype=torch.float32))
    assert math.isfinite(value)
    assert value > 0
    assert gradient.isfinite().all()
    assert gradient[0, 0] > 0 > gradient[0, 1]  # the teacher prefers the other document, and the labels have no say


@each_loss
def test_what_the_teacher_did_not_score_has_neither_part_in_the_loss_nor_gradient(loss):
    some = [[0.3, 0.4, 0.9, -0.5]], [[5.0, -3.0, math.nan, math.nan]], [0], [[True] * 4]
    value, gradient = value_and_gradient(loss, as_matrix(*some))
    alone, _ = value_and_gradient(loss, as_matrix([[0.3, 0.4]], [[5.0, -3.0]], [0], [[True] * 2]))
    assert value == pytest.approx(alone)
    assert gradient[0, 2:].eq(0).all()
    value, gradient = value_and_gradient(loss, as_matrix([[0.3, 0.4]], [[math.nan] * 2], [0], [[True] * 2]))
    assert value == 0
    assert gradient.eq(0).all()


def test_t_squared_keeps_the_gradient_of_soft_targets_about_as_large():
    """In the limit of high temperatures the gradient no longer depends on them (Hinton et al. 2015, equation 4)."""
    arrays = [[0.03, 0.01, -0.02]], [[1.0, -0.5, 0.3]], [0], [[True] * 3]
    gradients = [
        value_and_gradient(KL(temperature=t, teacher_temperature=t), as_matrix(*arrays))[1] for t in (100.0, 1000.0)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-2, atol=1e-4)


@given(matrices())
@settings(max_examples=30)
def test_a_weighted_sum_is_the_sum_of_its_weighted_parts_and_so_is_its_gradient(arrays):
    losses, weights = (InfoNCE(), Triplet(), KL(), MarginMSE()), (1.0, 0.5, 0.2, 0.01)
    value, gradient = value_and_gradient(WeightedSum(losses, weights), as_matrix(*arrays))
    apart = [value_and_gradient(loss, as_matrix(*arrays)) for loss in losses]
    assert value == pytest.approx(sum(w * one for w, (one, _) in zip(weights, apart, strict=True)))
    torch.testing.assert_close(gradient, sum(w * one for w, (_, one) in zip(weights, apart, strict=True)))
