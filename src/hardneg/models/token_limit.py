"""Where a model cuts texts; the towers of a `Router` each where they do it."""

from typing import Any

from sentence_transformers import SentenceTransformer

from hardneg.errors import ModelError
from hardneg.models.towers import Kind, input_module, input_modules, is_static

Limits = list[dict[str, Any]]
# Of a transformer: its own limit, and those of one kind of text alone, which come before it.
_NAMES = ("max_seq_length", "query_length", "document_length")


def token_limit(model: SentenceTransformer, kind: Kind = "document") -> int | None:
    """Say after how many tokens a model cuts texts; None if it takes them whole, as static embeddings do."""
    limits = _limits(input_module(model, kind))
    found = limits[f"{kind}_length"] or limits["max_seq_length"]
    return None if found is None else int(found)


def limit_tokens(model: SentenceTransformer, max_tokens: int) -> None:
    """Let a model cut texts at a length of our choice."""
    for tower in input_modules(model):
        longest = getattr(getattr(tower, "config", None), "max_position_embeddings", None)
        if longest is not None and max_tokens > longest:
            raise ModelError(f"the model has positions for {longest} tokens; max_tokens is {max_tokens}, set it lower")
    limited = [
        {name: max_tokens for name, value in each.items() if value is not None or name == "max_seq_length"}
        for each in token_limits(model)
    ]
    set_token_limits(model, limited)


def token_limits(model: SentenceTransformer) -> Limits:
    """List the limits of each tower, for `set_token_limits`."""
    return [_limits(tower) for tower in input_modules(model)]


def set_token_limits(model: SentenceTransformer, limits: Limits) -> None:
    """Give a model the limits that `token_limits` listed, whatever its positions."""
    for tower, given in zip(input_modules(model), limits, strict=True):
        if is_static(tower):
            cut = given["max_seq_length"]
            tower.tokenizer.no_truncation() if cut is None else tower.tokenizer.enable_truncation(cut)
            continue
        for name, value in given.items():
            if hasattr(tower, name):
                setattr(tower, name, value)


def _limits(tower: Any) -> dict[str, Any]:  # noqa: ANN401 - any module that texts enter
    if is_static(tower):
        cut = tower.tokenizer.truncation
        return dict.fromkeys(_NAMES, None) | {"max_seq_length": None if cut is None else cut["max_length"]}
    return {name: getattr(tower, name, None) for name in _NAMES}
