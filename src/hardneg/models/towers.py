"""What the towers of a model read: where texts enter, where they are cut, and what is put before them."""

from collections.abc import Iterator
from typing import Any, Literal

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Router
from tokenizers import Tokenizer

from hardneg.errors import ModelError

Kind = Literal["query", "document"]
Limits = list[dict[str, Any]]
# Of a transformer: its own limit, and those of one kind of text alone, which come before it.
_NAMES = ("max_seq_length", "query_length", "document_length")


def input_module(model: SentenceTransformer, kind: Kind) -> Any:  # noqa: ANN401 - a module of any library
    """Find the module that the texts of one kind enter; a `Router` decides as it does when it encodes."""
    module: Any = model[0]
    while isinstance(module, Router):
        module = module.sub_modules[module._resolve_route(task=kind, modality="text")][0]
    return module


def input_modules(model: SentenceTransformer) -> Iterator[Any]:
    """List the modules that texts enter, each once."""
    query, document = input_module(model, "query"), input_module(model, "document")
    yield query
    if document is not query:
        yield document


def is_static(module: Any) -> bool:  # noqa: ANN401 - a module of any library
    """Say whether a module looks up one vector a token, which needs neither padding nor batches."""
    return isinstance(getattr(module, "tokenizer", None), Tokenizer)


def token_limit(model: SentenceTransformer, kind: Kind = "document") -> int | None:
    """Say after how many tokens a model cuts texts; None if it takes them whole, as static embeddings do."""
    limits = _limits(input_module(model, kind))
    limit = limits[f"{kind}_length"] or limits["max_seq_length"]
    return None if limit is None else int(limit)


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


def prompt_of(model: SentenceTransformer, kind: Kind) -> str | None:
    """Ask a model which text `encode_query` or `encode_document` puts before each text.

    The method itself is called and overheard, so that its rules hold to the letter, those of a model with code of its
    own too: which names it looks for and in which order, what an empty prompt means, and when the default is taken.
    """
    overheard = _Overheard(model)
    method = type(model).encode_query if kind == "query" else type(model).encode_document
    method(overheard, ["text"])
    return overheard.prompt or None


def named_prompts(model: SentenceTransformer) -> dict[str, str]:
    """List a model's prompts with those that it uses under `query` and `document`, where the library looks first.

    Loading adds empty prompts under these two names where they are missing; a model saved with them uses the same.
    """
    used = {"query": prompt_of(model, "query") or "", "document": prompt_of(model, "document") or ""}
    return {**model.prompts, **used}


class _Overheard:
    """A model that notes the prompt it is to encode with, and encodes nothing."""

    def __init__(self, model: SentenceTransformer) -> None:
        self._model = model
        self.prompt: str | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - everything else is the model's
        return getattr(self._model, name)

    def encode(self, *_: Any, prompt: str | None = None, prompt_name: str | None = None, **__: Any) -> None:  # noqa: ANN401
        self.prompt = self._model._resolve_prompt(prompt, prompt_name)
