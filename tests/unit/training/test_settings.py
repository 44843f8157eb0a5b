import subprocess
import sys

import pytest

from hardneg.errors import RecipeError
from hardneg.training.settings import TrainSettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 1},
        {"epochs": 0},
        {"learning_rate": 0.0},
        {"warmup_share": 1.0},
        {"max_grad_norm": -1.0},
        {"seed": -1},
        {"negatives_per_row": -1},
        {"max_pairs": 1},
        {"cache_tokens": 0},
        {"matryoshka": (0, 8)},
        {"matryoshka": (8, 8)},
    ],
)
def test_a_value_outside_its_range_is_refused_by_name(wrong):
    with pytest.raises(RecipeError, match=next(iter(wrong))):
        TrainSettings(**wrong)


def test_settings_and_losses_need_no_torch():
    code = "import sys, hardneg.training.settings, hardneg.losses; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
