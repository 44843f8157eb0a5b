"""Whether the packages that models need are there: mining with BM25 alone needs none of them."""

from importlib.util import find_spec

from hardneg.errors import MissingExtraError

_PACKAGES = ("torch", "sentence_transformers")
_TRAINING = ("accelerate", "safetensors")


def check_installed(purpose: str, *, training: bool = False) -> None:
    """Make sure that models can be loaded, before anything tries to."""
    for package in (*_PACKAGES, *(_TRAINING if training else ())):
        try:
            found = find_spec(package) is not None
        except ImportError:
            found = False
        if not found:
            raise MissingExtraError(package, extra="train", purpose=purpose)
