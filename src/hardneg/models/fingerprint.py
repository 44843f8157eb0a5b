"""A hash of everything in a model that decides its vectors."""

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from sentence_transformers import CrossEncoder, SentenceTransformer
from tokenizers import Tokenizer
from torch import Tensor


def fingerprint(model: SentenceTransformer) -> str:
    """Hash a model's weights, tokenizer, modules and prompts as they are in memory.

    The name of a model says nothing about its weights: a checkpoint keeps its base model's name. So each
    parameter's bytes are read, and one changed byte gives another fingerprint.

    Args:
        model: Any model, loaded or trained.

    Returns:
        32 hexadecimal digits (BLAKE2b-128).
    """
    state = hashlib.blake2b(digest_size=16)
    for name, value in sorted(model.state_dict().items()):
        state.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        state.update(tensor_bytes(value))
    state.update(tokenizer_bytes(model))
    settings = {
        "modules": [(type(module).__name__, module.get_config_dict()) for module in model if has_config(module)],
        "prompts": model.prompts,
        "default_prompt": model.default_prompt_name,
        "max_tokens": model.max_seq_length,
        "similarity": model.similarity_fn_name,
    }
    state.update(json.dumps(settings, sort_keys=True, default=str).encode())
    return state.hexdigest()


def tensor_bytes(value: Tensor) -> memoryview:
    """Give the bytes of a parameter, wherever it lies."""
    return value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data


def has_config(module: object) -> bool:
    """Say whether a module describes itself."""
    return callable(getattr(module, "get_config_dict", None))


def tokenizer_bytes(model: SentenceTransformer | CrossEncoder) -> bytes:
    """Give all that decides how a model cuts texts into tokens."""
    tokenizer = model.tokenizer
    if isinstance(tokenizer, Tokenizer):  # of static embeddings, which keep their limit nowhere else
        return tokenizer.to_str().encode()
    if hasattr(tokenizer, "backend_tokenizer"):
        # Padding and truncation are state left by the last call, not part of the tokenizer.
        parts = json.loads(tokenizer.backend_tokenizer.to_str())
        return json.dumps(parts | {"padding": None, "truncation": None}, sort_keys=True).encode()
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return b"".join(path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file())
