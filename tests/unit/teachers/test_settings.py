import pytest

from hardneg.errors import RecipeError
from hardneg.teachers.settings import TeacherSettings


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("folds", 1),
        ("epochs", 0),
        ("batch_size", 0),
        ("seed", -1),
        ("max_tokens", 7),
        ("negatives_per_query", 0),
        ("max_pairs", 1),
        ("learning_rate", 0.0),
        ("pos_weight", -1.0),
        ("precision", "fp16"),
    ],
)
def test_values_out_of_range_are_named(setting, value):
    with pytest.raises(RecipeError, match=f"teacher: {setting} must be"):
        TeacherSettings(**{setting: value})
