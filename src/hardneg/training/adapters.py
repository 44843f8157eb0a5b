"""Adapters of a model: those that it came with, and new ones."""

from collections.abc import Mapping
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer

from hardneg.errors import ModelError
from hardneg.training.lora import LoRA


def ready_weights(model: SentenceTransformer, lora: LoRA | None, *, seed: int) -> None:
    """Settle which weights learn: all, or those of adapters."""
    if _has_adapters(model):
        if lora is not None:
            _check_same(model, lora)
            model.requires_grad_(False)
        model.set_adapter(model.active_adapters())  # transformers loads them as frozen as the weights below
    elif lora is not None:
        _add(model, lora, seed=seed)
    elif not any(weight.requires_grad for weight in model.parameters()):
        raise ModelError("all weights of the model are frozen and it has no adapter; nothing can be trained")


def _has_adapters(model: SentenceTransformer) -> bool:
    return bool(getattr(model.transformers_model, "peft_config", None))


def _check_same(model: SentenceTransformer, lora: LoRA) -> None:
    for own in (model.transformers_model.peft_config[name] for name in model.active_adapters()):
        wanted: dict[str, object] = {"r": lora.rank, "lora_alpha": lora.alpha}
        wanted |= {"target_modules": set(lora.targets)} if lora.targets else {}
        found = {name: getattr(own, name, None) for name in wanted}
        if found != wanted:
            raise ModelError(
                f"the model came with an adapter of its own ({_shown(found)}) and the setting 'lora' asks for another "
                f"({_shown(wanted)}); leave 'lora' out to train the one that is there"
            )


def _add(model: SentenceTransformer, lora: LoRA, *, seed: int) -> None:
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
            known = ", ".join(sorted(linear))
            raise ModelError(f"lora: no layer is called {_or(lora.targets)}; linear layers: {known}") from error


def _shown(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {sorted(each) if isinstance(each, set) else each}" for name, each in values.items())


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(map(repr, names))
