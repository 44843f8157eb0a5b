import pytest

from hardneg.errors import RecipeError
from hardneg.training.refresh.settings import Refresh

EPOCHS = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"every": 5}, {5: "mine", 10: "mine"}),
        ({"every": 1, "unit": "epochs"}, {4: "mine", 8: "mine"}),
        ({"every": 2, "unit": "epochs", "mode": "async"}, {8: "mine"}),
        ({"every": 6, "rescore_every": 2}, {2: "rescore", 4: "rescore", 6: "mine", 8: "rescore", 10: "rescore"}),
        ({"every": 2, "unit": "epochs", "rescore_every": 1}, {4: "rescore", 8: "mine"}),
        ({"every": 5, "mode": "rescore"}, {5: "rescore", 10: "rescore"}),
        ({"every": 12}, {}),
    ],
)
def test_refreshes_are_laid_out_before_the_run(settings, expected):
    assert Refresh(**settings).due(EPOCHS) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"every": 0}, "1 or more"),
        ({"every": 1, "unit": "pairs"}, "steps, epochs"),
        ({"every": 1, "mode": "never"}, "sync, async, rescore"),
        ({"every": 4, "rescore_every": 4}, "from 1 to 3"),
        ({"every": 4, "rescore_every": 2, "mode": "rescore"}, "leave rescore_every out"),
    ],
)
def test_what_cannot_be_done_is_refused(settings, message):
    with pytest.raises(RecipeError, match=message):
        Refresh(**settings)
