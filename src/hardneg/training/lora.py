"""What to train of a model whose own weights stay as they are."""

from dataclasses import dataclass
from importlib.util import find_spec

from hardneg.errors import MissingExtraError, RecipeError


@dataclass(frozen=True, kw_only=True)
class LoRA:
    """Low-rank adapters: beside each chosen matrix `W` a trained product `B A`, scaled by `alpha / rank`.

    The model's own weights stay as they are, so the optimiser needs memory for the adapters alone, and only they are
    saved: `adapter_config.json` names the model below them.

    Args:
        rank: Columns of `B` and rows of `A`, at least 1.
        alpha: Weight of the product is `alpha / rank`; at least 1.
        targets: Names, or ends of names, of the matrices; empty takes all linear layers.

    Raises:
        RecipeError: A value is outside its range.

    References:
        Hu et al. (2021), "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685, section 4.1.
    """

    rank: int = 16
    alpha: int = 32
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise RecipeError(f"lora: rank must be at least 1, not {self.rank}")
        if self.alpha < 1:
            raise RecipeError(f"lora: alpha must be at least 1, not {self.alpha}")


def check_peft(lora: LoRA | None) -> None:
    """Make sure that adapters can be trained, if any are asked for."""
    if lora is not None and find_spec("peft") is None:
        raise MissingExtraError("peft", extra="peft", purpose="the setting 'lora'")
