"""The text that a model wants before its inputs."""

from sentence_transformers import SentenceTransformer

from hardneg.models.features import Kind

# Names under which models on the Hub keep the prompt of each tower.
_NAMES: dict[Kind, tuple[str, ...]] = {"query": ("query",), "document": ("document", "passage", "corpus")}


def prompt_of(model: SentenceTransformer, kind: Kind) -> str | None:
    """Look up the text that a model wants before each query or document, or None."""
    own = next((model.prompts[name] for name in _NAMES[kind] if model.prompts.get(name)), None)
    default = model.default_prompt_name
    return own or (model.prompts.get(default) if default else None) or None
