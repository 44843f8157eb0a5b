"""How a model is to be run, checked before it is loaded; read without torch, as settings are."""

from dataclasses import dataclass, field, fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from hardneg.addresses import is_endpoint
from hardneg.errors import MissingExtraError, RecipeError
from hardneg.leave import note_model
from hardneg.models.given import Loaded, named_model

if TYPE_CHECKING:
    from hardneg.models.protocol import Encoder

Precision = Literal["auto", "bf16", "fp32"]
EncodingPrecision = Literal["auto", "bf16", "fp32", "int8"]
Backend = Literal["torch", "onnx", "openvino"]

_FORMATS = {
    "torch": ("auto", "bf16", "fp32"),
    "onnx": ("auto", "fp32", "int8"),
    "openvino": ("auto", "bf16", "fp32", "int8"),
}

_PACKAGES = ("torch", "sentence_transformers")
_TRAINING = ("accelerate", "safetensors")
_LEAST_TOKENS = 4  # up to three of them mark where texts begin and end


def check_installed(purpose: str, *, training: bool = False) -> None:
    """Make sure that models can be loaded, before anything tries to."""
    for package in (*_PACKAGES, *(_TRAINING if training else ())):
        if not is_installed(package):
            raise MissingExtraError(package, extra="train", purpose=purpose)


def is_installed(package: str) -> bool:
    """Say whether a package can be imported."""
    try:
        return find_spec(package) is not None
    except ImportError:
        return False


def check_model_options(
    *,
    kind: str,
    max_tokens: int | None,
    precision: str,
    truncate_dim: int | None = None,
    backend: str | None = None,
) -> None:
    """Make sure that a model can be loaded with these options."""
    if max_tokens is not None and max_tokens < _LEAST_TOKENS:
        raise RecipeError(f"{kind}: max_tokens is {max_tokens}; set it to {_LEAST_TOKENS} or more")
    if truncate_dim is not None and truncate_dim < 1:
        raise RecipeError(f"{kind}: truncate_dim is {truncate_dim}; set it to 1 or more")
    backend = backend or "torch"
    if backend not in _FORMATS:
        raise RecipeError(f"{kind}: backend is {backend!r}; set it to {' or '.join(_FORMATS)}")
    if precision not in _FORMATS[backend]:
        others = [each for each, formats in _FORMATS.items() if precision in formats]
        way_out = f", or backend to {' or '.join(others)}" if others else ""
        allowed = " or ".join(_FORMATS[backend])
        behind = "" if backend == "torch" else f" with backend {backend!r}"
        raise RecipeError(f"{kind}: precision is {precision!r}{behind}; set it to {allowed}{way_out}")


@dataclass(frozen=True)
class ModelOptions:
    """A two-tower model and how it encodes; base of what encodes with one.

    Args:
        model: A Hub id (`NAME@REVISION` at a branch, tag or commit), a folder, `package:NAME/FOLDER` for a folder
            inside an installed package, `https://HOST/v1#NAME` for one behind an embedding API, or a loaded
            `SentenceTransformer`, which is saved in the cache once.
        query_prompt: Text put before each query; None takes the model's own, "" none.
        document_prompt: The same for documents.
        max_tokens: Longer texts are cut there, at least 4; None takes the model's own limit.
        precision: "auto", "bf16" or "fp32" for encoding, "int8" with another backend than torch; search and
            products of vectors are always exact.
        device: "cpu", "cuda", …; None takes an accelerator if there is one.
        trust_remote_code: Whether to run code that the model brings with it.
        truncate_dim: Vectors are cut to their first dimensions, this many, as Matryoshka training allows, by the server
            where one encodes; None takes them whole, or as the model says.
        backend: "torch", "onnx" or "openvino", which encode on the processor; None is torch.
        name: What it is called in columns and reports.
    """

    model: str | Path | Loaded
    query_prompt: str | None = None
    document_prompt: str | None = None
    max_tokens: int | None = None
    precision: EncodingPrecision = "auto"
    device: str | None = None
    trust_remote_code: bool = False
    truncate_dim: int | None = None
    backend: Backend | None = field(default=None, repr=False)  # the fingerprint tells it
    name: str = "model"

    role: ClassVar[str] = ""  # what stands before the name in errors

    def settle_model(self, kind: str) -> None:
        """Check the values, and name a model that was given loaded; for `__post_init__` of what is called `kind`."""
        check_model_options(
            kind=kind,
            max_tokens=self.max_tokens,
            precision=self.precision,
            truncate_dim=self.truncate_dim,
            backend=self.backend,
        )
        object.__setattr__(self, "model", named_model(self.model, purpose=kind))
        if is_endpoint(self.model):
            from hardneg.models.served.address import ServedModel  # which loads what checks its options

            ServedModel.named(str(self.model))
            if self.max_tokens is not None:
                raise RecipeError(
                    f"{kind}: max_tokens counts by a model's own tokenizer, which a server does not show; leave it "
                    "out, and set max_characters in the address of the model if texts are to be cut"
                )
        if self.trust_remote_code:
            note_model(self.model)

    def fingerprint(self) -> str:
        """Hash of the model: weights, tokenizer, prompts, maximum length, precision."""
        return self.encoder().fingerprint

    def encoder(self) -> "Encoder":
        """Load the model; asked for again, it is the same object.

        A model that cannot be found or loaded, or that compares by a distance, is a `ModelError`; packages that are not
        installed are a `MissingExtraError`.
        """
        if is_endpoint(self.model):
            from hardneg.models.served.encoder import served_encoder

            return served_encoder(str(self.model), self.truncate_dim, self.query_prompt, self.document_prompt)
        check_installed(f"{self.role}{self.name!r}, which encodes with a model,")
        from hardneg.models.sentence_transformer import load_encoder

        return load_encoder(**{each.name: getattr(self, each.name) for each in fields(ModelOptions)[:-1]})
