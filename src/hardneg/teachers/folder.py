"""The folder of a teacher.

teacher.json       what went in, how queries were dealt to folds, and one entry a finished fold
folds.parquet      the fold of each text (and group) of the split
fold-0, fold-1, …  a plain sentence-transformers CrossEncoder each, trained without the queries of that fold
evaluation.json    how well they re-rank held-out queries, if that was measured
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentence_transformers import CrossEncoder

from hardneg.errors import RunError
from hardneg.files import replacing, replacing_folder
from hardneg.runs.done import is_done
from hardneg.runs.state import mend_state, read_state, write_state
from hardneg.scoring.folds import FOLDS, RECORD, FoldTable
from hardneg.teachers.settings import TeacherSettings
from hardneg.teachers.start import quiet

_TRAIN_ANEW = "delete the folder to train anew; nothing else says what its models were trained on"
_RULE = "floor(n_folds * u), u from the seed and a 64-bit BLAKE2b hash of the query's normalised text"
_GROUP_RULE = "; queries that share a text or a group take the smallest hash among them"


@dataclass(frozen=True)
class TeacherFolder:
    """Paths and state of a teacher on disk."""

    path: Path

    @property
    def record_file(self) -> Path:
        """Where the record is."""
        return self.path / RECORD

    def model(self, fold: int) -> Path:
        """Name the folder of the model that was trained without a fold."""
        return self.path / f"fold-{fold}"

    def open(self, inputs: dict[str, Any], folds: FoldTable, settings: TeacherSettings) -> dict[str, Any]:
        """Begin a teacher, or take up the one that is there."""
        if self.record_file.exists():
            record = self._resumed(inputs)
            if not is_done(self._folds):
                self._write_folds(folds)
            return record
        if any(not place.name.startswith(".") for place in self.path.glob("*")):
            raise RunError(f"{self.path} is not empty and holds no teacher; name another folder with -o")
        record = {
            "n_folds": settings.folds,
            "rule": _RULE + (_GROUP_RULE if settings.group else ""),
            "seed": settings.seed,
            "group": settings.group,
            "inputs": inputs,
            "folds": {},
        }
        self._write_folds(folds)
        write_state(self.record_file, record)
        return record

    @property
    def _folds(self) -> Path:
        return self.path / FOLDS

    def _write_folds(self, folds: FoldTable) -> None:
        with replacing(self._folds) as temporary:
            folds.rows.write_parquet(temporary)

    def keep(self, record: dict[str, Any], fold: int, model: CrossEncoder, entry: dict[str, Any]) -> None:
        """Save the model of a fold, then record that the fold is finished."""
        with replacing_folder(self.model(fold)) as temporary, quiet():
            model.save_pretrained(str(temporary), create_model_card=False)
        record["folds"][str(fold)] = entry
        write_state(self.record_file, record)

    def _resumed(self, inputs: dict[str, Any]) -> dict[str, Any]:
        mend_state(self.record_file)
        record = read_state(self.record_file, keys=("inputs", "folds"), way_out=_TRAIN_ANEW)
        before = record["inputs"]
        if not isinstance(before, dict):
            raise RunError(
                f"{self.record_file} cannot be read: its inputs are no object; remove the folder or name another"
            )
        keys = sorted(key for key in inputs | before if inputs.get(key) != before.get(key))
        if keys:
            unlike = ", ".join(f"{key} ({before.get(key)!r} there, {inputs.get(key)!r} now)" for key in keys)
            raise RunError(f"{self.path} holds a teacher with other inputs: {unlike}; name another folder with -o")
        return record
