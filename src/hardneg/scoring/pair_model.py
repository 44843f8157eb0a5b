"""Any sentence-transformers cross-encoder, run so that each pair scores as if it were alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Int64
from sentence_transformers import CrossEncoder

from hardneg.errors import ModelError
from hardneg.models.fingerprint import fingerprint
from hardneg.models.formats import Precision
from hardneg.models.loading import check_tokenizer, loading
from hardneg.models.precision import choose_precision
from hardneg.models.resolve import resolve_model
from hardneg.models.sentence_transformer import state_of
from hardneg.progress import task
from hardneg.scoring.activation import Activation, activate
from hardneg.scoring.pair_features import tokenise_pairs

# Padded tokens of one forward pass. The last batch of each width is filled up, so larger is not always faster.
_BATCH_TOKENS = {"cpu": 1_024, "cuda": 32_768}
_SLICE = 4_096  # pairs whose tokens are held at a time


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
                for part, found in self._outputs(pairs):
                    output[rows[part]] = found
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
        found = self.model.predict(pairs, batch_size=1, activation_fn=identity, show_progress_bar=False)
        return np.asarray(found, dtype=np.float32)


def load_pair_model(
    model: str | Path,
    *,
    max_tokens: int | None = None,
    activation: Activation = "sigmoid",
    precision: Precision = "auto",
    device: str | None = None,
    trust_remote_code: bool = False,
) -> PairModel:
    """Load a cross-encoder; the last eight are kept in memory, for as long as their files do not change."""
    place = resolve_model(model)
    return _load(
        place,
        state_of(place),
        max_tokens=max_tokens,
        activation=activation,
        precision=precision,
        device=device,
        trust_remote_code=trust_remote_code,
    )


@lru_cache(maxsize=8)
def _load(
    place: str,
    _state: tuple[tuple[str, int, int], ...],
    *,
    max_tokens: int | None,
    activation: Activation,
    precision: Precision,
    device: str | None,
    trust_remote_code: bool,
) -> PairModel:
    with loading(place, place) as offline:
        loaded = CrossEncoder(place, device=device, trust_remote_code=trust_remote_code, local_files_only=offline)
        _check_head(loaded, place)
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
    own = model.max_seq_length
    if max_tokens is None and longest is not None and (own is None or own > longest):
        max_tokens = longest  # tokenizers that know no limit say 10 ** 30
    if max_tokens is not None:
        model.max_seq_length = max_tokens
