"""Where a model cuts texts."""

from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from hardneg.errors import ModelError


def token_limit(model: SentenceTransformer) -> int | None:
    """Say after how many tokens a model cuts texts; None if it takes them whole, as static embeddings do."""
    if isinstance(model.tokenizer, Tokenizer):
        cut = model.tokenizer.truncation
        return None if cut is None else int(cut["max_length"])
    limit: int | None = model.max_seq_length
    return limit


def limit_tokens(model: SentenceTransformer, max_tokens: int) -> None:
    """Let a model cut texts at a length of our choice.

    Args:
        model: Any model; its limit is changed.
        max_tokens: Longer texts are cut there.

    Raises:
        ModelError: The model takes no texts that long.
    """
    longest = getattr(model.config, "max_position_embeddings", None)
    if longest is not None and max_tokens > longest:
        raise ModelError(f"the model has positions for {longest} tokens; max_tokens is {max_tokens}, set it lower")
    set_token_limit(model, max_tokens)


def set_token_limit(model: SentenceTransformer, limit: int | None) -> None:
    """Give a model a limit that `token_limit` gave, whatever its positions."""
    if not isinstance(model.tokenizer, Tokenizer):
        model.max_seq_length = limit
    elif limit is None:
        model.tokenizer.no_truncation()
    else:
        model.tokenizer.enable_truncation(limit)
