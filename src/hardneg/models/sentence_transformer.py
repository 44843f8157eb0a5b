"""Any sentence-transformers model as an encoder."""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float32
from sentence_transformers import SentenceTransformer

from hardneg.errors import ModelError
from hardneg.models.features import ModelInput, tokenise
from hardneg.models.fingerprint import fingerprint
from hardneg.models.given import resolve_model
from hardneg.models.loading import check_tokenizer, choose_precision, loading
from hardneg.models.options import ModelOptions, Precision
from hardneg.models.own_code import note_code, read_query_form
from hardneg.models.towers import Kind, input_modules, limit_tokens, prompt_of

# Padded tokens of one forward pass. Larger batches spill a CPU's cache, smaller ones leave a GPU idle.
_BATCH_TOKENS = {"cpu": 4_096, "cuda": 131_072}
# Raised when texts are batched otherwise: that changes the last bits of vectors, so those in the store no longer count.
_BATCHING = 3


@dataclass(frozen=True, eq=False)
class SentenceTransformerEncoder:
    """A sentence-transformers model ready to encode; vectors are unit length if the model compares by cosine."""

    model: SentenceTransformer = field(repr=False)
    precision: str
    query_prompt: str | None = None
    document_prompt: str | None = None
    query_form: str | None = None

    @property
    def prompts(self) -> dict[Kind, str | None]:
        """Text put before each query and each document."""
        return {"query": self._prompt("query"), "document": self._prompt("document")}

    @cached_property
    def fingerprint(self) -> str:
        """Hash of weights, tokenizer, prompts, maximum length and precision; and the form of queries, if it has one."""
        prompts = f"{self._prompt('query')!r} {self._prompt('document')!r}"
        form = "" if self.query_form is None else f"-{self.query_form}"
        return f"{fingerprint(self.model)}-{self.precision}-{prompts}{form}-{_BATCHING}"

    def encode_queries(self, texts: list[str]) -> Float32[np.ndarray, "texts dim"]:
        """Turn queries into vectors, in the order given."""
        return self._encode(texts, "query")

    def encode_documents(self, texts: list[str]) -> Float32[np.ndarray, "texts dim"]:
        """Turn documents into vectors, in the order given."""
        return self._encode(texts, "document")

    def _prompt(self, kind: Kind) -> str | None:
        given = self.query_prompt if kind == "query" else self.document_prompt
        return prompt_of(self.model, kind) if given is None else given or None

    def _encode(self, texts: list[str], kind: Kind) -> Float32[np.ndarray, "texts dim"]:
        with torch.inference_mode():
            try:
                features = tokenise(self.model, texts, kind=kind, prompt=self._prompt(kind))
                vectors = self._plain(texts, kind) if features is None else self._forward(features, kind)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
                raise ModelError(
                    f"the model's parts do not fit each other ({reason}); its configuration is damaged: download or "
                    "save the model anew"
                ) from error
        if self.model.similarity_fn_name == "cosine":
            # In float32: bfloat16 arithmetic leaves lengths up to 0.4 % off one, which moves cosine scores.
            vectors = torch.nn.functional.normalize(vectors, dim=1)
        return vectors.numpy()

    def _forward(self, features: ModelInput, kind: Kind) -> torch.Tensor:
        device = self.model.device
        budget = _BATCH_TOKENS.get(device.type, _BATCH_TOKENS["cpu"])
        vectors = None
        for rows in features.batches(budget):
            batch = {k: v.to(device) if isinstance(v, torch.Tensor) else v for k, v in features.rows(rows).items()}
            part = self.model(batch, task=kind)["sentence_embedding"][:, : self.model.truncate_dim].float().cpu()
            if vectors is None:
                vectors = torch.empty(len(features.n_tokens), part.shape[1])
            vectors[torch.from_numpy(rows)] = part
        assert vectors is not None
        return vectors

    def _plain(self, texts: list[str], kind: Kind) -> torch.Tensor:
        encode = self.model.encode_query if kind == "query" else self.model.encode_document
        vectors = encode(texts, prompt=self._prompt(kind) or "", convert_to_tensor=True, show_progress_bar=False)
        return vectors.float().cpu()


def check_similarity(model: SentenceTransformer) -> None:
    """Refuse a model whose score is not a dot product."""
    if model.similarity_fn_name not in ("cosine", "dot"):
        raise ModelError(
            f"the model compares by {model.similarity_fn_name}; hardneg needs cosine or dot: "
            "set similarity_fn_name in the model's config_sentence_transformers.json"
        )


def as_encoder(
    model: SentenceTransformer,
    *,
    precision: Precision = "auto",
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    query_form: str | None = None,
) -> SentenceTransformerEncoder:
    """Make an encoder of a model in memory; the precision is applied to the model itself."""
    check_similarity(model)
    chosen = choose_precision(precision, model.device)
    # Also for fp32: a model that was saved in half precision is loaded in it.
    model = model.to(torch.bfloat16 if chosen == "bf16" else torch.float32)
    return SentenceTransformerEncoder(model.eval(), chosen, query_prompt, document_prompt, query_form)


def load_encoder(model: str | Path, **options: Any) -> SentenceTransformerEncoder:  # noqa: ANN401
    """Load a model with the options of `ModelOptions`; the last four stay, for as long as their files do not change."""
    place = resolve_model(model)
    return _load_encoder(ModelOptions(place, **options), state_of(place))


@lru_cache(maxsize=4)
def _load_encoder(options: ModelOptions, _state: tuple[tuple[str, int, int], ...]) -> SentenceTransformerEncoder:
    place = str(options.model)
    loaded = load_model(
        place,
        max_tokens=options.max_tokens,
        device=options.device,
        trust_remote_code=options.trust_remote_code,
        truncate_dim=options.truncate_dim,
    )
    _check_dimension(loaded, options.truncate_dim)
    further: dict[str, Any] = {
        "query_prompt": options.query_prompt,
        "document_prompt": options.document_prompt,
        "query_form": read_query_form(place),
    }
    if options.backend in (None, "torch"):
        return as_encoder(loaded, precision=cast("Precision", options.precision), **further)
    from hardneg.models.backends.choosing import with_backend

    check_similarity(loaded)
    loaded, precision = with_backend(loaded, options.backend, options.precision)
    return SentenceTransformerEncoder(loaded, precision, **further)


def _check_dimension(model: SentenceTransformer, truncate_dim: int | None) -> None:
    if truncate_dim is None:
        return
    with model.truncate_embeddings(None):
        dim = model.get_embedding_dimension()
    if dim is not None and truncate_dim > dim:
        raise ModelError(f"the model's vectors have {dim} dimensions; truncate_dim is {truncate_dim}, set it lower")


def forget_encoders() -> None:
    """Let go of the models that `load_encoder` keeps in memory."""
    _load_encoder.cache_clear()


def state_of(place: str) -> tuple[tuple[str, int, int], ...]:
    """Describe the files of a model folder; a model trained again under its old name must be loaded again."""
    files = sorted(path for path in Path(place).rglob("*") if path.is_file())
    return tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)


def load_model(
    model: str | Path,
    *,
    max_tokens: int | None = None,
    device: str | None = None,
    trust_remote_code: bool = False,
    truncate_dim: int | None = None,
) -> SentenceTransformer:
    """Load a sentence-transformers model by name, with one clear error if that fails."""
    place = resolve_model(model)
    with loading(str(model), place, unread="pooler") as offline:  # a transformer's own, which no vector comes from
        loaded = SentenceTransformer(
            place,
            device=device,
            trust_remote_code=trust_remote_code,
            truncate_dim=truncate_dim,
            local_files_only=offline,
        )
    for tower in input_modules(loaded):
        check_tokenizer(getattr(tower, "tokenizer", None), str(model))
    if max_tokens is not None:
        limit_tokens(loaded, max_tokens)
    note_code(str(model), loaded)
    return loaded
