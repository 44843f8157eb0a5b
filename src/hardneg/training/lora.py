"""Which weights of a model learn: all, those of the adapters that it came with, or those of new ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hardneg.errors import ModelError, RecipeError
from hardneg.files import replacing_folder

if TYPE_CHECKING:  # a recipe names adapters on machines without torch
    from sentence_transformers import SentenceTransformer


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


def ready_weights(model: "SentenceTransformer", lora: LoRA | None, *, merge: bool = False, seed: int) -> None:
    """Settle which weights learn: all, or those of adapters; to `merge` these later there must be some."""
    if merge and lora is None and not _has_adapters(model):
        raise RecipeError("training: merge_adapters has no adapters to merge; set lora, or leave it out")
    if _has_adapters(model):
        if lora is not None:
            _check_same(model, lora)
            model.requires_grad_(False)
        model.set_adapter(model.active_adapters())  # transformers loads them as frozen as the weights below
    elif lora is not None:
        _add(model, lora, seed=seed)
    elif not any(weight.requires_grad for weight in model.parameters()):
        raise ModelError("all weights of the model are frozen and it has no adapter; nothing can be trained")


def merge_adapters(folder: Path, *, trusts: bool = False) -> None:
    """Add the adapters in the folder of a model to the weights below them, and save it whole.

    References:
        Hu et al. (2021), arXiv:2106.09685, section 4.1: `W + B A` costs nothing when the model is used.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    from hardneg.models.own_code import save_model
    from hardneg.models.sentence_transformer import load_model

    model = load_model(folder, device="cpu", trust_remote_code=trusts).float()
    base = model.transformers_model
    for name, layer in list(base.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
            above, _, last = name.rpartition(".")
            setattr(base.get_submodule(above), last, layer.get_base_layer())
    base._hf_peft_config_loaded = False
    base._weight_conversions = None  # those of the adapters' names
    del base.peft_config
    with replacing_folder(folder, sums=False) as temporary:
        save_model(model, temporary)


def _has_adapters(model: "SentenceTransformer") -> bool:
    return bool(getattr(model.transformers_model, "peft_config", None))


def _check_same(model: "SentenceTransformer", lora: LoRA) -> None:
    for config in (model.transformers_model.peft_config[name] for name in model.active_adapters()):
        wanted: dict[str, object] = {"r": lora.rank, "lora_alpha": lora.alpha}
        wanted |= {"target_modules": set(lora.targets)} if lora.targets else {}
        state = {name: getattr(config, name, None) for name in wanted}
        if state != wanted:
            raise ModelError(
                f"the model came with an adapter of its own ({_shown(state)}) and the setting 'lora' asks for another "
                f"({_shown(wanted)}); leave 'lora' out to train the one that is there"
            )


def _add(model: "SentenceTransformer", lora: LoRA, *, seed: int) -> None:
    import torch
    from peft import LoraConfig

    if not model.has_peft_compatible_model():
        raise ModelError("the setting 'lora' needs a transformer, and this model is none; leave it out")
    base = model.transformers_model
    if Path(base.name_or_path).is_dir():  # the saved adapter must find it from any working directory
        base.name_or_path = str(Path(base.name_or_path).resolve())
    linear = {name.rpartition(".")[2] for name, layer in base.named_modules() if isinstance(layer, torch.nn.Linear)}
    config = LoraConfig(
        task_type="FEATURE_EXTRACTION",
        r=lora.rank,
        lora_alpha=lora.alpha,
        target_modules=list(lora.targets) or "all-linear",
    )
    model.requires_grad_(False)
    on_device = [] if model.device.type == "cpu" else [model.device]
    with torch.random.fork_rng(on_device):
        torch.manual_seed(seed)
        try:
            model.add_adapter(config)
        except ValueError as error:
            layers = ", ".join(sorted(linear))
            raise ModelError(f"lora: no layer is called {_or(lora.targets)}; linear layers: {layers}") from error


def _shown(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {sorted(each) if isinstance(each, set) else each}" for name, each in values.items())


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(map(repr, names))
