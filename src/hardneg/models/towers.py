"""Which part of a model reads the queries and which the documents."""

from collections.abc import Iterator
from typing import Any, Literal

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Router
from tokenizers import Tokenizer

Kind = Literal["query", "document"]


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
