"""What loading a model has to look after, whatever its kind: a Hub that is away, weights that lack, number formats."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from huggingface_hub import constants, get_session
from transformers.utils.logging import disable_progress_bar

from hardneg.checksums import damage_in
from hardneg.errors import DamagedError, ModelError
from hardneg.models.damage import why_not_loaded
from hardneg.models.options import Precision

_ANSWER_S = 5  # a Hub that says nothing for so long is not there
_REPORT = "transformers.modeling_utils"  # the logger to which the library reports weights that it did not find
_MISSING = re.compile(r"^([^|\n]+?)\s*\|[^|\n]*MISSING", re.MULTILINE)


@contextmanager
def loading(name: str, place: str, *, unread: str | None = None) -> Iterator[bool]:
    """Load a model inside the block, with one clear error if that fails.

    The library draws weights that a file lacks at random and goes on, with another model each time; here that is an
    error. It asks a Hub that cannot be reached five times for each file, for more than a minute; here it is asked once.
    `unread` is a part of the names of weights that may be missing, since no score depends on them; "" allows all.
    Yields whether the Hub must not be asked.
    """
    disable_progress_bar()  # of loading and saving weights: only the command line shows progress
    local = Path(place).is_dir()
    for path in damage_in(Path(place)) if local else ():
        raise DamagedError(path, way_out="train it again, download it again, or bring it back from a copy")
    try:
        with _missing_weights() as missing:
            yield not local and not _hub_answers()
    except ModelError:
        raise
    except Exception as error:  # readers of weights, configs, adapters and devices each raise exceptions of their own
        raise ModelError(why_not_loaded(name, place, error)) from error
    lacking = [weight for weight in missing if unread is None or unread not in weight]
    if lacking:
        raise ModelError(
            f"model {name!r} cannot be used: its files lack {len(lacking)} of its weights, the first "
            f"{lacking[0]}, which would be drawn at random; download or save it anew"
        )


def check_tokenizer(tokenizer: Any, name: str) -> None:  # noqa: ANN401 - each kind of model has its own
    """Refuse a tokenizer that the library made up because its files are missing, to which all words are unknown."""
    special = set(getattr(tokenizer, "all_special_tokens", ()))
    if special and set(tokenizer.get_vocab()) <= special:
        raise ModelError(
            f"model {name!r} cannot be used: its tokenizer knows no words, since its files are missing "
            "(tokenizer.json, vocab.txt, …); download or save it anew"
        )


def _hub_answers() -> bool:
    """Ask the Hub once, by the way that the library takes: through a proxy, or not at all where it is offline."""
    try:
        get_session().head(constants.ENDPOINT, timeout=_ANSWER_S)
    except Exception:  # of whichever client the library has
        return False
    return True


@contextmanager
def _missing_weights() -> Iterator[list[str]]:
    """Take the library's report on weights out of its log, and list those that it did not find."""
    names: list[str] = []
    logger = logging.getLogger(_REPORT)

    def take(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        names.extend(_MISSING.findall(text))
        return "LOAD REPORT" not in text

    logger.addFilter(take)
    try:
        yield names
    finally:
        logger.removeFilter(take)


def choose_precision(precision: Precision, device: torch.device) -> Literal["bf16", "fp32"]:
    """Settle `auto`: bfloat16 where the device multiplies it natively, else float32.

    Processors without bfloat16 instructions emulate it, several times slower than float32.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type == "cpu":
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return "bf16" if native else "fp32"
    return "fp32"
