"""Options that every scorer with a model has, checked before the model is loaded."""

from typing import get_args

from hardneg.errors import RecipeError
from hardneg.models.formats import Precision

_LEAST_TOKENS = 4  # up to three of them mark where texts begin and end


def check_model_options(*, kind: str, max_tokens: int | None, precision: str, truncate_dim: int | None = None) -> None:
    """Make sure that a model can be loaded with these options."""
    if max_tokens is not None and max_tokens < _LEAST_TOKENS:
        raise RecipeError(f"{kind}: max_tokens is {max_tokens}; set it to {_LEAST_TOKENS} or more")
    if truncate_dim is not None and truncate_dim < 1:
        raise RecipeError(f"{kind}: truncate_dim is {truncate_dim}; set it to 1 or more")
    if precision not in get_args(Precision):
        raise RecipeError(f"{kind}: precision is {precision!r}; set it to {' or '.join(get_args(Precision))}")
