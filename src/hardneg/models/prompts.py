"""The text that a model wants before its inputs, as sentence-transformers itself decides."""

from typing import Any

from sentence_transformers import SentenceTransformer

from hardneg.models.towers import Kind


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
