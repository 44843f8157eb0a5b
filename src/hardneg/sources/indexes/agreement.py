"""Whether the vectors of an index are those of the model that queries are encoded with."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, Int64

from hardneg.data.findings import Finding
from hardneg.errors import ModelError
from hardneg.sources.indexes.protocol import Facts

UNIT = 1e-3  # how much the length of a unit vector may differ from 1
_SAMPLE = 8  # documents
_OTHER_MODEL, _SAME_MODEL = 0.5, 0.98  # below the first they are another model's, from the second this one's


@dataclass(frozen=True)
class ModelAgreement:
    """How vectors of an index compare with what the model makes of the same documents."""

    n: int  # documents that were compared
    cosine: float  # median; 1 without documents
    lengths_differ: bool  # the model's are of unit length and the index's are not

    @classmethod
    def between(
        cls, stored: Float32[np.ndarray, "documents dim"], made: Float32[np.ndarray, "documents dim"]
    ) -> "ModelAgreement":
        """Compare vectors of the same documents."""
        if not len(stored):
            return cls(0, 1.0, False)
        length, wanted = np.linalg.norm(stored, axis=1), np.linalg.norm(made, axis=1)
        cosine = (stored * made).sum(axis=1) / np.maximum(length * wanted, 1e-12)
        return cls(len(stored), float(np.median(cosine)), _are_unit(wanted) and not _are_unit(length))

    def check(self, facts: Facts, *, model: str) -> None:
        """Refuse vectors of another model, and lengths that count where the model has none."""
        if self.cosine < _OTHER_MODEL:
            raise ModelError(
                f"{facts.title}: its vectors are not those of {model}: what it holds of the same documents has a "
                f"cosine of {self.cosine:.2f} with what the model makes; name the one that the index was made with"
            )
        if self.lengths_differ and facts.metric != "cosine":
            raise ModelError(
                f"{facts.title}: it compares by {facts.metric}, and its vectors are not of unit length, as those of "
                f"{model} are; have it compare by cosine, or store what the model makes"
            )

    def finding(self, facts: Facts, *, source: str, model: str) -> Finding | None:
        """Say so if vectors are not quite the model's."""
        if self.cosine >= _SAME_MODEL:
            return None
        return Finding(
            "HN047",
            "warning",
            f"the vectors of source {source} are not quite the model's",
            f"{facts.title}: what it holds of the same documents has a cosine of {self.cosine:.3f} with what {model} "
            f"makes of them (median of {self.n})",
            "look whether it was made of other texts, with another prompt or precision, or with an earlier model",
            self.n,
        )


def sample_of(counts: Int64[np.ndarray, " documents"]) -> Int32[np.ndarray, " sample"]:
    """Choose documents that are one record each, spread over all of them."""
    single = np.flatnonzero(counts == 1).astype(np.int32)
    return single[np.unique(np.linspace(0, max(len(single) - 1, 0), _SAMPLE).astype(int))] if len(single) else single


def check_fits(facts: Facts, queries: Float32[np.ndarray, "queries dim"], *, model: str) -> None:
    """Make sure that an index compares vectors of such a dimension, and by the measure of their model."""
    if facts.dim is not None and queries.shape[1] != facts.dim:
        raise ModelError(
            f"{facts.title}: its vectors have {facts.dim} dimensions, those of {model} {queries.shape[1]}; name the "
            "model that the index was made with"
        )
    if facts.metric in ("cosine", "l2") and not _are_unit(np.linalg.norm(queries, axis=1)):
        raise ModelError(
            f"{facts.title}: it compares by {facts.metric}, but {model} by the dot product of vectors that are not of "
            "unit length; make an index of the dot product, or name the model that it was made with"
        )


def _are_unit(lengths: Float32[np.ndarray, " vectors"]) -> bool:
    return bool((abs(lengths - 1) <= UNIT).all())
