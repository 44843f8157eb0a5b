"""Any sentence-transformers cross-encoder, run so that each pair scores as if it were alone.

Matrix products round differently for different shapes, and the rows past the last full block of a matrix differently
from the others. So a pair is padded to a width that its own length decides, and for each width every batch has the same
number of rows, a multiple of 16. What shares a batch with a pair then changes no bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64
from sentence_transformers import CrossEncoder

from hardneg.errors import ModelError
from hardneg.models.fingerprint import fingerprint
from hardneg.models.given import resolve_model
from hardneg.models.loading import check_tokenizer, choose_precision, loading
from hardneg.models.options import Precision
from hardneg.models.own_code import note_code
from hardneg.models.sentence_transformer import state_of
from hardneg.progress import task
from hardneg.scoring.cross_encoder import Activation

_STEP = 16
_NO_LIMIT = 1 << 40
# Padded tokens of one forward pass. The last batch of each width is filled up, so larger is not always faster.
_BATCH_TOKENS = {"cpu": 1_024, "cuda": 32_768}
_SLICE = 4_096  # pairs whose tokens are held at a time


@dataclass(frozen=True, eq=False)
class PairFeatures:
    """Model input of some pairs."""

    tensors: dict[str, torch.Tensor]  # each [pairs, tokens], padded on one side to the longest pair
    padding: dict[str, int]
    extra: dict[str, Any]
    n_tokens: Int64[np.ndarray, " pairs"]
    limit: int  # nothing is padded beyond it
    left: bool  # padding stands on the left

    def batches(self, max_tokens: int) -> Iterator[tuple[Int64[np.ndarray, " chosen"], dict[str, Any]]]:
        """Cut the pairs into batches, the widest first; where rows do not fill one, they are repeated."""
        width = np.maximum(np.minimum(-(-self.n_tokens // _STEP) * _STEP, self.limit), self.n_tokens)
        for each in np.unique(width)[::-1]:
            rows = np.flatnonzero(width == each)
            size = n_rows(int(each), max_tokens)
            for start in range(0, len(rows), size):
                part = rows[start : start + size]
                yield part, self._batch(np.resize(part, size), int(each))

    def _batch(self, rows: Int64[np.ndarray, " rows"], width: int) -> dict[str, Any]:
        chosen = torch.from_numpy(rows)
        batch = {name: self._fitted(tensor[chosen], name, width) for name, tensor in self.tensors.items()}
        return batch | self.extra

    def _fitted(self, tensor: torch.Tensor, name: str, width: int) -> torch.Tensor:
        kept = tensor[:, -width:] if self.left else tensor[:, :width]
        missing = width - kept.shape[1]
        sides = (missing, 0) if self.left else (0, missing)
        return torch.nn.functional.pad(kept, sides, value=self.padding.get(name, 0))


def n_rows(width: int, max_tokens: int) -> int:
    """Give the rows of a batch: 16 times the largest power of two that keeps within the bound.

    >>> [n_rows(width, 4096) for width in (16, 96, 128, 512)]
    [256, 32, 32, 16]
    """
    return int(_STEP << (max(1, max_tokens // (_STEP * width)).bit_length() - 1))


def tokenise_pairs(model: CrossEncoder, pairs: list[tuple[str, str]]) -> PairFeatures | None:
    """Turn pairs into model input."""
    prompt = model.prompts.get(model.default_prompt_name) if model.default_prompt_name else None
    raw = model.preprocess(pairs, prompt=prompt or None)
    tensors = {k: v for k, v in raw.items() if isinstance(v, torch.Tensor) and v.shape[:1] == (len(pairs),)}
    mask = tensors.get("attention_mask")
    if mask is None or any(tensor.shape != mask.shape for tensor in tensors.values()):
        return None
    tokenizer = model.tokenizer
    return PairFeatures(
        tensors,
        {"input_ids": tokenizer.pad_token_id or 0, "token_type_ids": getattr(tokenizer, "pad_token_type_id", 0)},
        {name: value for name, value in raw.items() if name not in tensors},
        mask.sum(dim=1).clamp(min=1).numpy().astype(np.int64),
        model.max_seq_length or _NO_LIMIT,
        tokenizer.padding_side == "left",
    )


@dataclass(frozen=True, eq=False)
class PairModel:
    """A cross-encoder with one label, ready to score."""

    model: CrossEncoder = field(repr=False)
    precision: str
    activation: Activation

    @cached_property
    def fingerprint(self) -> str:
        """Hash of weights, tokenizer, configuration, maximum length, precision and activation."""
        return f"{fingerprint(self.model)}-{self.precision}-{self.activation}"

    def score(self, queries: list[str], documents: list[str]) -> Float32[np.ndarray, " pairs"]:
        """Score pairs of texts, batched by length over all of them."""
        order = np.argsort([-len(a) - len(b) for a, b in zip(queries, documents, strict=True)], kind="stable")
        output = np.empty(len(order), dtype=np.float32)
        with torch.inference_mode(), task("scoring pairs", total=len(order), unit="pairs") as advance:
            for start in range(0, len(order), _SLICE):
                rows = order[start : start + _SLICE]
                pairs = [(queries[row], documents[row]) for row in rows]
                for part, scores in self._outputs(pairs):
                    output[rows[part]] = scores
                    advance(len(part))
        if not np.isfinite(output).all():
            wrong = queries[int(np.flatnonzero(~np.isfinite(output))[0])]
            raise ModelError(f'the cross-encoder gave no number for the query {wrong!r}; try precision = "fp32"')
        return activate(output, self.activation)

    def _outputs(
        self, pairs: list[tuple[str, str]]
    ) -> Iterator[tuple[Int64[np.ndarray, " chosen"], Float32[np.ndarray, " chosen"]]]:
        features = tokenise_pairs(self.model, pairs)
        if features is None:
            yield np.arange(len(pairs)), self._one_by_one(pairs)
            return
        device = self.model.device
        for rows, batch in features.batches(_BATCH_TOKENS.get(device.type, _BATCH_TOKENS["cpu"])):
            placed = {k: v.to(device) if isinstance(v, torch.Tensor) else v for k, v in batch.items()}
            yield rows, self.model(placed)["scores"][: len(rows), 0].float().cpu().numpy()

    def _one_by_one(self, pairs: list[tuple[str, str]]) -> Float32[np.ndarray, " pairs"]:
        """Score models with an input of their own, where a batch of one is all that keeps pairs apart."""
        identity = torch.nn.Identity()
        scores = self.model.predict(pairs, batch_size=1, activation_fn=identity, show_progress_bar=False)
        return np.asarray(scores, dtype=np.float32)


def load_pair_model(model: str | Path, **options: Any) -> PairModel:  # noqa: ANN401
    """Load a cross-encoder with the options of `_load`; the last eight stay, for as long as their files do."""
    place = resolve_model(model)
    return _load(place, state_of(place), **options)


@lru_cache(maxsize=8)
def _load(
    place: str,
    _state: tuple[tuple[str, int, int], ...],
    *,
    max_tokens: int | None = None,
    activation: Activation = "sigmoid",
    precision: Precision = "auto",
    device: str | None = None,
    trust_remote_code: bool = False,
) -> PairModel:
    with loading(place, place) as offline:
        loaded = CrossEncoder(place, device=device, trust_remote_code=trust_remote_code, local_files_only=offline)
        _check_head(loaded, place)
    note_code(place, loaded)
    check_tokenizer(loaded.tokenizer, place)
    _limit(loaded, max_tokens)
    return as_pair_model(loaded, activation=activation, precision=precision)


def as_pair_model(
    model: CrossEncoder, *, activation: Activation = "sigmoid", precision: Precision = "auto"
) -> PairModel:
    """Make a scorer of texts of a cross-encoder in memory; a reduced precision is applied to the model itself."""
    if model.num_labels != 1:
        raise ModelError(
            f"the cross-encoder has {model.num_labels} labels, but a teacher gives one score; name one with one label"
        )
    chosen = choose_precision(precision, model.device)
    if chosen == "bf16":
        model = model.to(torch.bfloat16)
    return PairModel(model.eval(), chosen, activation)


def _check_head(model: CrossEncoder, place: str) -> None:
    """Refuse an encoder: loaded as a cross-encoder it would get a random head, and its scores would be noise."""
    kinds = getattr(model.config, "architectures", None) or []
    plain = len(list(model)) == 1 and kinds and not any("Classification" in kind for kind in kinds)
    if plain:
        raise ModelError(
            f"model {place!r} has no trained head that scores pairs (it is a {kinds[0]}); name a cross-encoder, "
            'or take it as it is with use = "bi_encoder"'
        )


def _limit(model: CrossEncoder, max_tokens: int | None) -> None:
    longest = getattr(model.config, "max_position_embeddings", None)
    if max_tokens is not None and longest is not None and max_tokens > longest:
        raise ModelError(f"the model has positions for {longest} tokens; max_tokens is {max_tokens}, set it lower")
    limit = model.max_seq_length
    if max_tokens is None and longest is not None and (limit is None or limit > longest):
        max_tokens = longest  # tokenizers that know no limit say 10 ** 30
    if max_tokens is not None:
        model.max_seq_length = max_tokens


def activate(output: Float32[np.ndarray, " pairs"], activation: Activation) -> Float32[np.ndarray, " pairs"]:
    """Turn outputs into scores, one by one: vectorised exponentials may round by a value's place in the array.

    >>> activate(np.array([0.0, 2.0], dtype=np.float32), "sigmoid")
    array([0.5      , 0.8807971], dtype=float32)
    """
    if activation == "identity":
        return output
    from scipy.special import expit

    return expit(output.astype(np.float64)).astype(np.float32)
