"""A teacher of several cross-encoders, each pair scored by one that never saw its query; is it any good?"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hardneg.arrays import Rows, Scores
from hardneg.checksums import checked
from hardneg.data.dataset import Dataset
from hardneg.data.findings import Finding
from hardneg.errors import ModelError
from hardneg.files import from_json
from hardneg.models.options import Precision
from hardneg.parquet import ParquetProblem, read_parquet
from hardneg.scoring.cross_encoder import Activation, CrossEncoder
from hardneg.scoring.folds import FOLDS, RECORD, UNSEEN, FoldTable
from hardneg.scoring.protocol import Evaluated
from hardneg.storage import here

_MEASURE = "nDCG@10"
_AGAIN = "the command that trained the teacher, called again, puts it right"
# A loss that is no chance, or one that is large whatever chance says.
_LARGE_LOSS = 0.05


@dataclass(frozen=True)
class CrossFittedTeacher:
    """Scores of the models that `hardneg teacher train` left in a folder.

    A model that was trained on a query has been told which documents answer it, and that the mined ones do not: its
    scores would repeat the labels, the missing ones included. So a query of the training split is scored by the one
    model that was trained without its fold, and so is any query that shares its text or its group. Any other query,
    which no model has seen, gets the mean over all models.

    Args:
        path: The folder, or its address (`s3://BUCKET/NAME`).
        max_tokens: Longer pairs are cut there; None takes the limit of training.
        activation: "sigmoid" turns the models' output into numbers between 0 and 1, "identity" leaves it as it is.
        precision: "auto", "bf16" or "fp32".
        device: "cpu", "cuda", …; None takes an accelerator if there is one.
        name: Whose score it is, in columns and reports.

    Raises:
        RecipeError: A value is out of range.

    References:
        Cross-fitting: Chernozhukov et al. (2018), arXiv:1608.00060; the same idea as confident learning's
        out-of-sample probabilities, Northcutt, Jiang and Chuang (2021), arXiv:1911.00068.
    """

    path: str | Path
    max_tokens: int | None = None
    activation: Activation = "sigmoid"
    precision: Precision = "auto"
    device: str | None = None
    name: str = "teacher"

    def __post_init__(self) -> None:
        self._model(0)  # checks the values

    @property
    def squashed(self) -> bool:
        """Whether scores lie between 0 and 1."""
        return self.activation == "sigmoid"

    @property
    def evaluation(self) -> Path:
        """What its training measured on held-out queries."""
        return here(self.path) / "evaluation.json"

    def score(self, dataset: Dataset, query: Rows, document: Rows) -> Scores:
        """Score pairs, each by a model that never saw its query."""
        n_folds, table = self._read()
        fold = table.of(dataset, query)
        score = np.empty(len(query), dtype=np.float32)
        for number in np.unique(fold):
            rows = fold == number
            models = range(n_folds) if number == UNSEEN else (int(number),)
            scores = [self._model(each).score(dataset, query[rows], document[rows]) for each in models]
            score[rows] = np.mean(scores, axis=0, dtype=np.float64)
        return score

    def fingerprint(self) -> str:
        """Hash of all models and of who was trained on what."""
        n_folds, _ = self._read()
        state = hashlib.blake2b(checked(here(self.path) / FOLDS, way_out=_AGAIN).read_bytes(), digest_size=16)
        for number in range(n_folds):
            state.update(self._model(number).fingerprint().encode())
        return state.hexdigest()

    def _model(self, fold: int) -> CrossEncoder:
        return CrossEncoder(
            model=str(Path(self.path) / f"fold-{fold}"),
            max_tokens=self.max_tokens,
            activation=self.activation,
            precision=self.precision,
            device=self.device,
            name=self.name,
        )

    def _read(self) -> tuple[int, FoldTable]:
        record = read_record(here(self.path))
        file = checked(here(self.path) / FOLDS, way_out=_AGAIN)
        try:
            return record["n_folds"], FoldTable.of_rows(read_parquet(file), record["group"])
        except (ParquetProblem, ValueError) as error:
            raise ModelError(
                f"{file} cannot be read ({error}); remove the folder and train the teacher again"
            ) from error


def read_record(path: Path) -> dict[str, Any]:
    """Read `teacher.json` of a finished teacher."""
    file = path / RECORD
    if not file.exists():
        raise ModelError(
            f"{path} holds no teacher (no teacher.json); train one: hardneg mine DATASET -o runs/mined, then hardneg "
            f"teacher train DATASET --negatives runs/mined --model MODEL -o {path}"
        )
    try:
        record = from_json(checked(file, way_out=_AGAIN).read_text(encoding="utf-8"))
        finished = len(record["folds"]) == range(record["n_folds"]).stop
        if not isinstance(record["group"], str | None):
            raise TypeError("its group is no name of a column")
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file} cannot be read ({error}); remove the folder and train the teacher again") from error
    if not finished:
        done = f"{len(record['folds'])} of {record['n_folds']} folds"
        raise ModelError(f"training of the teacher in {path} has done {done}; run the same command again to finish it")
    return record


def weak_teachers(judges: Iterable[object]) -> list[Finding]:
    """Look up how well teachers re-ranked held-out queries, where `hardneg teacher train` measured it."""
    scorers = [getattr(each, "scorer", each) for each in judges]
    files = dict.fromkeys(each.evaluation for each in scorers if isinstance(each, Evaluated))
    findings = (weak_teacher(file.parent, _read(file)) for file in files)
    return [each for each in findings if each is not None]


def weak_teacher(place: Path, evaluation: dict[str, Any] | None) -> Finding | None:
    """HN041: the teacher's order is worse than the first stage's."""
    gain = (evaluation or {}).get("gain", {}).get(_MEASURE)
    if evaluation is None or gain is None or not (gain["high"] < 0 or gain["difference"] <= -_LARGE_LOSS):
        return None
    before, after = (evaluation[when][_MEASURE]["value"] for when in ("before", "after"))
    return Finding(
        code="HN041",
        severity="warning",
        title="the teacher is worse than the first stage",
        detail=(
            f"on {evaluation['n_queries']:,} held-out queries {evaluation['first_stage']} has {_MEASURE} {before:.4f}, "
            f"and what it found in the order of the teacher {place} has {after:.4f} (difference "
            f"{gain['difference']:+.4f}, 95 % interval [{gain['low']:+.4f}, {gain['high']:+.4f}]). Such a teacher "
            "refuses true negatives and lets answers through"
        ),
        remedy=(
            "train it longer, on more queries or from a cross-encoder that ranks already, or filter without it: a "
            "margin on the first stage's own scores (positive_margin) is the better judge then"
        ),
        count=evaluation["n_queries"],
    )


def _read(file: Path) -> Any:  # noqa: ANN401
    try:
        return from_json(checked(file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
