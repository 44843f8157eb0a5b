"""How a model is to be run, checked before it is loaded; read without torch, as settings are."""

from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from hardneg.errors import MissingExtraError, RecipeError
from hardneg.leave import note_model
from hardneg.models.given import Loaded, named_model

if TYPE_CHECKING:
    from hardneg.models.protocol import Encoder

Precision = Literal["auto", "bf16", "fp32"]


_PACKAGES = ("torch", "sentence_transformers")
_TRAINING = ("accelerate", "safetensors")
_LEAST_TOKENS = 4  # up to three of them mark where texts begin and end


def check_installed(purpose: str, *, training: bool = False) -> None:
    """Make sure that models can be loaded, before anything tries to."""
    for package in (*_PACKAGES, *(_TRAINING if training else ())):
        try:
            is_installed = find_spec(package) is not None
        except ImportError:
            is_installed = False
        if not is_installed:
            raise MissingExtraError(package, extra="train", purpose=purpose)


def check_model_options(*, kind: str, max_tokens: int | None, precision: str, truncate_dim: int | None = None) -> None:
    """Make sure that a model can be loaded with these options."""
    if max_tokens is not None and max_tokens < _LEAST_TOKENS:
        raise RecipeError(f"{kind}: max_tokens is {max_tokens}; set it to {_LEAST_TOKENS} or more")
    if truncate_dim is not None and truncate_dim < 1:
        raise RecipeError(f"{kind}: truncate_dim is {truncate_dim}; set it to 1 or more")
    if precision not in get_args(Precision):
        raise RecipeError(f"{kind}: precision is {precision!r}; set it to {' or '.join(get_args(Precision))}")


@dataclass(frozen=True)
class ModelOptions:
    """A two-tower model and how it encodes; base of what encodes with one.

    Args:
        model: A Hub id, a folder, `package:NAME/FOLDER` for a folder inside an installed package, or a loaded
            `SentenceTransformer`, which is saved in the cache once.
        query_prompt: Text put before each query; None takes the model's own, "" none.
        document_prompt: The same for documents.
        max_tokens: Longer texts are cut there, at least 4; None takes the model's own limit.
        precision: "auto", "bf16" or "fp32" for encoding; search and products of vectors are always exact.
        device: "cpu", "cuda", …; None takes an accelerator if there is one.
        trust_remote_code: Whether to run code that the model brings with it.
        truncate_dim: Vectors are cut to their first dimensions, this many, as Matryoshka training allows; None takes
            them whole, or as the model says.
        name: What it is called in columns and reports.
    """

    model: str | Path | Loaded
    query_prompt: str | None = None
    document_prompt: str | None = None
    max_tokens: int | None = None
    precision: Precision = "auto"
    device: str | None = None
    trust_remote_code: bool = False
    truncate_dim: int | None = None
    name: str = "model"

    role: ClassVar[str] = ""  # what stands before the name in errors

    def settle_model(self, kind: str) -> None:
        """Check the values, and name a model that was given loaded; for `__post_init__` of what is called `kind`."""
        check_model_options(
            kind=kind, max_tokens=self.max_tokens, precision=self.precision, truncate_dim=self.truncate_dim
        )
        object.__setattr__(self, "model", named_model(self.model, purpose=kind))
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
        check_installed(f"{self.role}{self.name!r}, which encodes with a model,")
        from hardneg.models.sentence_transformer import load_encoder

        return load_encoder(**{each.name: getattr(self, each.name) for each in fields(ModelOptions)[:-1]})
