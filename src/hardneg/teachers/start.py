"""The cross-encoder that training starts from."""

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from sentence_transformers import CrossEncoder
from transformers.utils import logging as transformers_logging

from hardneg.errors import ModelError
from hardneg.models.given import resolve_model
from hardneg.models.loading import check_tokenizer, loading


def load_start(model: str | Path, *, max_tokens: int | None, seed: int, device: str | None = None) -> CrossEncoder:
    """Load a model as a cross-encoder with one label.

    A cross-encoder with one label is taken as it is. Any other encoder, a two-tower model too, keeps its
    transformer and gets a new head, whose weights depend on the seed alone.
    """
    place = resolve_model(model)
    with loading(str(model), place, unread="") as offline, quiet(), torch.random.fork_rng():
        torch.manual_seed(seed)
        loaded = CrossEncoder(
            place, num_labels=1, device=device, model_kwargs={"dtype": torch.float32}, local_files_only=offline
        )
    check_tokenizer(loaded.tokenizer, str(model))
    if max_tokens is not None:
        longest = getattr(loaded.config, "max_position_embeddings", None)
        if longest is not None and max_tokens > longest:
            raise ModelError(f"the model has positions for {longest} tokens; max_tokens is {max_tokens}, set it lower")
        loaded.max_seq_length = max_tokens
    return loaded


def weights_fingerprint(model: CrossEncoder) -> str:
    """Hash a cross-encoder's weights, vocabulary and limit of length."""
    state = hashlib.blake2b(digest_size=16)
    for name, value in sorted(model.state_dict().items()):
        state.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        state.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    state.update(json.dumps([model.tokenizer.get_vocab(), model.max_seq_length], sort_keys=True).encode())
    return state.hexdigest()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what transformers and sentence-transformers print and log to themselves inside the block."""
    transformers_logging.disable_progress_bar()  # only the command line shows progress
    sentence_transformers = logging.getLogger("sentence_transformers")
    before = transformers_logging.get_verbosity(), sentence_transformers.level
    transformers_logging.set_verbosity_error()
    sentence_transformers.setLevel(logging.ERROR)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before[0])
        sentence_transformers.setLevel(before[1])
