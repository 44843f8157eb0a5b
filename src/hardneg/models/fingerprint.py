"""A hash of everything in a model that decides its vectors."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from sentence_transformers import CrossEncoder, SentenceTransformer
from tokenizers import Tokenizer
from torch import Tensor, nn

from hardneg.models.own_code import code_files

# Where a model was loaded from, with what, and how its weights are worked on: the same model has them otherwise.
_ELSEWHERE = {"_name_or_path", "name_or_path", "transformers_version", "sentence_transformers", "dtype", "torch_dtype"}
_ELSEWHERE |= {"trust_remote_code", "gradient_checkpointing", "model_card_data", "is_hpu_graph_enabled", "training"}
_ELSEWHERE |= {"tokenizer", "processor", "loss_type", "kernel_config"}
_OF_TOKENIZERS = ("padding_side", "truncation_side", "model_input_names", "chat_template", "model_max_length")


def fingerprint(model: SentenceTransformer | CrossEncoder) -> str:
    """Hash a model's weights, tokenizers, modules and prompts as they are in memory.

    The name of a model says nothing about its weights: a checkpoint keeps its base model's name. So each
    parameter's bytes are read, and one changed byte gives another fingerprint. The same weights give other vectors
    under another activation, number of heads or way of pooling, so every module within the model is asked for its
    settings, down to single layers and inside each tower of a `Router`; code that came with the model counts too.
    """
    state = hashlib.blake2b(digest_size=16)
    for name, value in sorted(model.state_dict().items()):
        state.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        state.update(tensor_bytes(value))
    for name, module in model.named_modules():
        state.update(json.dumps([name, _described(module)]).encode())
        for tokenizer in _tokenizers(module):
            state.update(tokenizer_bytes(tokenizer))
    for source in sorted(file.read_bytes() for file in code_files(model)):
        state.update(source)
    settings = {
        "similarity": getattr(model, "similarity_fn_name", None),
        "prompts": model.prompts,
        "default_prompt": model.default_prompt_name,
        "max_tokens": model.max_seq_length,
    }
    state.update(json.dumps(_plain(settings)).encode())
    return state.hexdigest()


def tensor_bytes(value: Tensor) -> memoryview:
    """Give the bytes of a parameter, wherever it lies."""
    return value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data


def tokenizer_bytes(tokenizer: Any) -> bytes:  # noqa: ANN401 - each kind of model has its own
    """Give all that decides how a tokenizer, or a processor, cuts what it is given."""
    if isinstance(tokenizer, Tokenizer):  # of static embeddings, which keep their limit nowhere else
        return tokenizer.to_str().encode()
    settings = {name: getattr(tokenizer, name, None) for name in _OF_TOKENIZERS}
    if hasattr(tokenizer, "backend_tokenizer"):
        # Padding and truncation are state left by the last call, not part of the tokenizer.
        parts = json.loads(tokenizer.backend_tokenizer.to_str())
        backend = json.dumps(parts | {"padding": None, "truncation": None}, sort_keys=True).encode()
        special = {"special": tokenizer.special_tokens_map, "pad": tokenizer.pad_token_id}
        return backend + json.dumps(_plain(settings | special)).encode()
    return _saved(tokenizer) + json.dumps(_plain(settings)).encode()


def _saved(tokenizer: Any) -> bytes:  # noqa: ANN401 - each kind of model has its own
    """Give the files of a tokenizer that only says what it is by saving itself."""
    save = getattr(tokenizer, "save_pretrained", None) or getattr(tokenizer, "save", None)
    if save is None:
        return json.dumps(_plain(vars(tokenizer))).encode()
    with TemporaryDirectory() as folder:
        save(folder)
        return b"".join(path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file())


def _described(module: nn.Module) -> list[Any]:
    """List what a module is and how it is set, as plain values; its weights and its parts are not in it."""
    settings = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    get_config = getattr(module, "get_config_dict", None)
    if callable(get_config):
        settings["its own words"] = get_config()
    for name in ("max_seq_length", "config"):
        value: Any = getattr(module, name, None)
        settings[name] = value.to_dict() if hasattr(value, "to_dict") else value
    kind = type(module)
    return [kind.__module__.rpartition(".")[2], kind.__qualname__, _plain(settings)]


def _plain(value: Any) -> Any:  # noqa: ANN401 - settings of any library
    """Bring a setting into a form that is equal for equal settings, in every process."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        kept = {repr(key): _plain(each) for key, each in value.items() if key not in _ELSEWHERE}
        return sorted(kept.items())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return _named(value)


def _named(value: Any) -> Any:  # noqa: ANN401 - settings of any library
    """Name a setting that is an object, without where it lies in memory."""
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    if isinstance(value, Tensor):
        return [str(value.dtype), hashlib.blake2b(tensor_bytes(value), digest_size=16).hexdigest()]
    if isinstance(value, partial):
        return [_plain(value.func), _plain(value.args), _plain(value.keywords)]
    return getattr(value, "__qualname__", None) or type(value).__qualname__


def _tokenizers(module: nn.Module) -> Iterator[Any]:
    """List the tokenizers that a module itself keeps, and not one of its parts for it."""
    for name in ("processor", "tokenizer"):
        tokenizer = vars(module).get(name)
        if tokenizer is not None:
            yield tokenizer
