import pytest
import torch

from hardneg.training.session import build_optimizer, learning_rate
from hardneg.training.settings import TrainSettings


def curve(schedule, total=20):
    settings = TrainSettings(learning_rate=1.0, warmup_share=0.2, schedule=schedule)
    return [learning_rate(step, total=total, settings=settings) for step in range(total)]


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_the_rate_climbs_to_its_peak_when_the_warm_up_ends(schedule):
    rates = curve(schedule)
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert max(rates) == rates[4]


def test_the_rate_falls_as_the_schedule_says():
    assert curve("linear")[12] == pytest.approx(0.5)
    assert curve("cosine")[12] == pytest.approx(0.5)
    assert curve("constant")[-1] == 1.0
    assert 0 < curve("cosine")[-1] < curve("linear")[-1] < 0.1


def test_no_step_is_wasted_on_a_rate_of_zero():
    assert all(rate > 0 for schedule in ("linear", "cosine") for rate in curve(schedule, total=1))


def test_only_matrices_decay():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
    matrices, others = build_optimizer(model, TrainSettings(weight_decay=0.1, learning_rate=1e-3)).param_groups
    assert [p.ndim for p in matrices["params"]] == [2]
    assert [p.ndim for p in others["params"]] == [1, 1, 1]
    assert (matrices["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
