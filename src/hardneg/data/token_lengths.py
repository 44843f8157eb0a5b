"""Lengths of texts as a model's tokenizer counts them."""

from functools import lru_cache
from typing import Any

import polars as pl

from hardneg.errors import MissingExtraError, ModelError
from hardneg.progress import task

_SLICE = 8_192


def token_lengths(texts: pl.Series, model: str) -> pl.Series:
    """Count the tokens of each text, special tokens included, nothing cut off."""
    tokenizer = _tokenizer(model)
    counts: list[int] = []
    with task("counting tokens", total=len(texts), unit="texts") as advance:
        for start in range(0, len(texts), _SLICE):
            part = texts.slice(start, _SLICE).to_list()
            counts += [len(ids) for ids in tokenizer(part, truncation=False, verbose=False)["input_ids"]]
            advance(len(part))
    return pl.Series(counts, dtype=pl.Int64)


@lru_cache(maxsize=1)
def _tokenizer(model: str) -> Any:  # noqa: ANN401 - the library's type differs by model
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingExtraError("transformers", extra="train", purpose="counting tokens with a model") from error
    try:
        return AutoTokenizer.from_pretrained(model)  # nosec B615
    except (OSError, ValueError) as error:
        raise ModelError(f"no tokenizer in {model}: {str(error).splitlines()[0]}") from error
