import math

import pytest
import torch

from hardneg.errors import RecipeError, RunError
from hardneg.losses import KL, InfoNCE, MarginMSE, Triplet, WeightedSum
from hardneg.losses.score_matrix import ScoreMatrix
from hardneg.losses.weighted_sum import needs_logits, needs_teacher, without_teacher

MIX = WeightedSum((InfoNCE(), KL(), Triplet()), (1.0, 0.2, 0.5))


def test_what_a_loss_needs_is_what_its_parts_need():
    needs = {loss: (needs_teacher(loss), needs_logits(loss)) for loss in (InfoNCE(), KL(), MarginMSE(), MIX)}
    assert needs == {
        InfoNCE(): (False, False),
        KL(): (True, False),
        MarginMSE(): (True, True),
        MIX: (True, False),
    }
    assert needs_logits(WeightedSum((MIX, WeightedSum((MarginMSE(),), (1.0,))), (1.0, 1.0)))
    assert not needs_teacher(WeightedSum((InfoNCE(), Triplet()), (1.0, 1.0)))


def test_without_the_teacher_the_parts_that_need_none_are_left():
    assert without_teacher(InfoNCE()) == InfoNCE()
    assert without_teacher(KL()) is None
    assert without_teacher(MIX) == WeightedSum((InfoNCE(), Triplet()), (1.0, 0.5))
    assert without_teacher(WeightedSum((KL(), MarginMSE()), (1.0, 1.0))) is None
    nested = WeightedSum((MIX, WeightedSum((KL(),), (1.0,))), (2.0, 1.0))
    assert without_teacher(nested) == WeightedSum((without_teacher(MIX),), (2.0,))


@pytest.mark.parametrize("loss", [KL(), MarginMSE(), MIX], ids=repr)
def test_a_matrix_without_a_teacher_is_refused(loss):
    matrix = ScoreMatrix(torch.zeros(1, 2), torch.tensor([0]), torch.ones(1, 2, dtype=torch.bool))
    with pytest.raises(RunError, match="learns from a teacher's scores"):
        loss(matrix)


@pytest.mark.parametrize(
    ("losses", "weights"), [((), ()), ((InfoNCE(),), ()), ((InfoNCE(),), (0.0,)), ((InfoNCE(),), (math.nan,))]
)
def test_a_sum_of_nothing_or_of_wrong_weights_is_refused(losses, weights):
    with pytest.raises(RecipeError, match="weight"):
        WeightedSum(losses, weights)
