"""What holds of every loss of the map."""

import math

import pytest
import torch

from hardneg.errors import RecipeError
from hardneg.losses import (
    KL,
    LOSSES,
    RINCE,
    Debiased,
    HardnessWeighted,
    InfoNCE,
    MarginInfoNCE,
    MarginMSE,
    Triplet,
    WeightedSum,
)
from hardneg.losses.protocol import Loss
from hardneg.losses.score_matrix import ScoreMatrix

EVERY = [
    *(loss() for loss in LOSSES.values()),
    Triplet(negatives="hardest"),
    WeightedSum((InfoNCE(), MarginMSE(), KL()), (1.0, 0.5, 0.2)),
]
every_loss = pytest.mark.parametrize("loss", EVERY, ids=repr)


def matrix(scores, target, allowed, weight=None):
    """A matrix whose teacher, for the losses that ask one, is sure of every target."""
    weight = None if weight is None else torch.tensor(weight)
    given, target = torch.tensor(scores, requires_grad=True), torch.tensor(target)
    teacher = torch.zeros(given.shape).scatter(1, target.unsqueeze(1), 10.0)
    return ScoreMatrix(given, target, torch.tensor(allowed), teacher=teacher, weight=weight)


def value_and_gradient(loss, *arguments):
    given = matrix(*arguments)
    found = loss(given)
    found.backward()
    return found.item(), given.scores.grad


@every_loss
def test_it_fits_the_protocol_and_its_repr_makes_it_again(loss):
    assert isinstance(loss, Loss)
    assert eval(repr(loss)) == loss


@every_loss
@pytest.mark.parametrize("weight", [None, [[1.0, 0.0], [0.0, 0.0]]])
def test_a_row_whose_target_is_all_it_has_gives_neither_loss_nor_gradient(loss, weight):
    value, gradient = value_and_gradient(loss, [[0.3, 0.9], [0.2, 0.1]], [0, 1], [[True, False], [False, True]], weight)
    assert value == 0
    assert gradient.eq(0).all()


@every_loss
def test_a_pool_of_one_document_gives_neither_loss_nor_gradient(loss):
    value, gradient = value_and_gradient(loss, [[0.3]], [0], [[True]])
    assert (value, gradient.item()) == (0, 0)


@every_loss
def test_rows_without_negatives_count_in_the_mean(loss):
    one, _ = value_and_gradient(loss, [[0.3, 0.4]], [0], [[True, True]])
    two, _ = value_and_gradient(loss, [[0.3, 0.4], [0.5, 0.4]], [0, 0], [[True, True], [True, False]])
    assert two == pytest.approx(one / 2)


@every_loss
def test_the_target_counts_even_if_it_is_forbidden_or_weighs_nothing(loss):
    allowed = value_and_gradient(loss, [[0.3, 0.9]], [0], [[True, True]])
    forbidden = value_and_gradient(loss, [[0.3, 0.9]], [0], [[False, True]], [[0.0, 1.0]])
    assert allowed[0] == forbidden[0]
    assert allowed[1].equal(forbidden[1])


@every_loss
def test_a_forbidden_column_changes_nothing_and_gets_no_gradient(loss):
    value, gradient = value_and_gradient(loss, [[0.3, 0.4, 5.0]], [0], [[True, True, False]])
    alone, _ = value_and_gradient(loss, [[0.3, 0.4]], [0], [[True, True]])
    assert value == pytest.approx(alone)
    assert gradient[0, 2] == 0
    assert gradient[0, 0] < 0 < gradient[0, 1]


@every_loss
def test_a_weight_of_zero_is_a_mask_and_of_one_is_nothing(loss):
    scores, target = [[0.3, 0.4, 0.2, 0.35]], [0]
    plain = value_and_gradient(loss, scores, target, [[True] * 4])
    ones = value_and_gradient(loss, scores, target, [[True] * 4], [[1.0] * 4])
    masked = value_and_gradient(loss, scores, target, [[True, True, False, True]])
    zero = value_and_gradient(loss, scores, target, [[True] * 4], [[1.0, 1.0, 0.0, 1.0]])
    for one, other in ((plain, ones), (masked, zero)):
        assert one[0] == other[0]
        assert one[1].equal(other[1])


@every_loss
def test_a_lower_weight_pushes_a_negative_away_less(loss):
    scores = [[0.3, 0.4, 0.2]]
    pushes = [
        value_and_gradient(loss, scores, [0], [[True] * 3], [[1.0, weight, 1.0]])[1][0, 1].item()
        for weight in (0.0, 0.1, 0.5, 1.0)
    ]
    assert pushes == sorted(pushes)
    assert pushes[0] == 0 < pushes[-1]


@every_loss
@pytest.mark.parametrize("row", [[-1e4, 1e4, 0.0], [1e4, -1e4, 0.0], [1e4, 1e4, 1e4]])
def test_very_large_scores_stay_finite(loss, row):
    value, gradient = value_and_gradient(loss, [row], [0], [[True, True, True]])
    assert math.isfinite(value)
    assert gradient.isfinite().all()


@pytest.mark.parametrize(
    ("loss", "wrong"),
    [
        *(
            (loss, {"temperature": t})
            for loss in LOSSES.values()
            if loss not in (Triplet, MarginMSE)
            for t in (0.0, -1.0, math.nan)
        ),
        (KL, {"teacher_temperature": 0.0}),
        (KL, {"scale": -1.0}),
        (MarginMSE, {"scale": math.inf}),
        (MarginInfoNCE, {"margin": -0.1}),
        (HardnessWeighted, {"alpha": math.inf}),
        (Debiased, {"tau_plus": 1.0}),
        (Debiased, {"tau_plus": -0.1}),
        (RINCE, {"q": 0.0}),
        (RINCE, {"lam": 1.5}),
        (RINCE, {"q": 1.0, "lam": 1.0}),
        (Triplet, {"margin": -1.0}),
    ],
)
def test_a_value_outside_its_range_is_refused_by_name(loss, wrong):
    with pytest.raises(RecipeError, match=next(iter(wrong))):
        loss(**wrong)


SCORES = [[0.3, 0.4, 0.2], [0.1, 0.8, 0.7]], [0, 1], [[True] * 3, [True, True, False]]


def test_losses_with_their_own_setting_off_are_info_nce():
    value, gradient = value_and_gradient(InfoNCE(), *SCORES)
    for loss in (MarginInfoNCE(margin=0.0), HardnessWeighted(alpha=0.0), Debiased(tau_plus=0.0)):
        found = value_and_gradient(loss, *SCORES)
        assert found[0] == pytest.approx(value, rel=1e-5)
        torch.testing.assert_close(found[1], gradient)


def test_rince_with_a_small_q_is_info_nce_plus_the_logarithm_of_lam():
    value, gradient = value_and_gradient(InfoNCE(), *SCORES)
    found = value_and_gradient(RINCE(q=1e-7, lam=0.3, temperature=0.05), *SCORES)
    assert found[0] == pytest.approx(value + math.log(0.3), rel=1e-4)
    torch.testing.assert_close(found[1], gradient, rtol=1e-4, atol=1e-5)


def test_rince_moves_no_score_on_the_whole_where_lam_is_the_positives_share():
    share = math.exp(0.8 / 0.1) / (math.exp(0.8 / 0.1) + 2 * math.exp(0.6 / 0.1))
    given = ([[0.8, 0.6, 0.6]], [0], [[True] * 3])
    assert value_and_gradient(RINCE(lam=share), *given)[1].sum().item() == pytest.approx(0, abs=1e-5)
    assert value_and_gradient(RINCE(lam=0.025), *given)[1].sum().item() < -0.1  # lifts them


def test_the_hardest_negative_takes_all_the_push():
    _, gradient = value_and_gradient(Triplet(negatives="hardest"), [[0.5, 0.4, 0.6]], [0], [[True] * 3])
    assert gradient.tolist() == [[-1.0, 0.0, 1.0]]


def test_at_its_lower_bound_the_debiased_loss_leaves_negatives_alone():
    _, gradient = value_and_gradient(Debiased(tau_plus=0.1), [[0.9, -0.9, -0.8]], [0], [[True] * 3])
    assert gradient[0, 1:].eq(0).all()
