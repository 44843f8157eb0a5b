import math

import pytest
import torch

from hardneg.errors import RecipeError
from hardneg.losses import LOSSES, InfoNCE
from hardneg.losses.protocol import Loss
from hardneg.losses.score_matrix import ScoreMatrix


def matrix(scores, target, allowed):
    return ScoreMatrix(torch.tensor(scores, requires_grad=True), torch.tensor(target), torch.tensor(allowed))


def test_a_worked_case():
    found = InfoNCE(temperature=0.5)(matrix([[1.0, 0.5, 0.0]], [0], [[True, True, True]]))
    assert found.item() == pytest.approx(-math.log(math.exp(2) / (math.exp(2) + math.exp(1) + 1)))


def test_a_row_whose_target_is_all_it_has_gives_neither_loss_nor_gradient():
    given = matrix([[0.3, 0.9], [0.2, 0.1]], [0, 1], [[True, False], [False, True]])
    found = InfoNCE()(given)
    found.backward()
    assert found.item() == 0
    assert given.scores.grad.eq(0).all()


def test_the_target_counts_even_if_the_mask_forbids_it():
    scores = [[0.3, 0.9]]
    given = InfoNCE()(matrix(scores, [0], [[False, True]]))
    assert given == InfoNCE()(matrix(scores, [0], [[True, True]]))


def test_a_forbidden_column_changes_nothing_and_gets_no_gradient():
    given = matrix([[0.3, 0.9, 5.0]], [0], [[True, True, False]])
    InfoNCE()(given).backward()
    assert given.scores.grad[0, 2] == 0
    assert given.scores.grad[0, 0] < 0 < given.scores.grad[0, 1]


def test_very_large_scores_stay_finite():
    assert InfoNCE(temperature=0.001)(matrix([[-1e4, 1e4]], [0], [[True, True]])).isfinite()


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_a_temperature_that_is_no_positive_number_is_refused(temperature):
    with pytest.raises(RecipeError, match="temperature"):
        InfoNCE(temperature=temperature)


def test_every_loss_of_the_map_fits_the_protocol():
    assert all(isinstance(loss(), Loss) for loss in LOSSES.values())
