"""The folder of a training run: what it was asked for, how far it came, what it made.

training.json          what went in, and whether it is finished
loss.jsonl             one line a step
replacement.jsonl      one line a look at negatives that may have become too easy (replacing.py), if they are looked at
refresh.jsonl          one line a refresh of the negatives (rounds.py), if there were any
findings.json          what the steps so far show, written with each checkpoint and at the end
clusters/step-N.npz    who is near whom from a step on (refresh/neighbours.py), gone when the run is finished
checkpoints/step-N/    the latest state, gone when the run is finished
watch.json             what is looked at while training (watch/curve.py), if anything is
watch.jsonl            one line a look; watch.parquet has each query's value
best/step-N/           weights of the best look, if they are kept, gone when the run is finished
watch/                 the model measured on everything at the end
model/                 the trained model, there when the run is finished
"""

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardneg.checksums import checked, damage_in, is_damaged, note_grown
from hardneg.data.findings import Finding, read_findings, write_findings
from hardneg.errors import DamagedError, RunError
from hardneg.files import replacing
from hardneg.runs import layout
from hardneg.runs.done import damage_below
from hardneg.runs.state import mend_state, read_lines, read_state, write_state

# What an unfinished run goes on from, beside its lists of steps and looks.
_STATE = ("checkpoints", "refresh", "clusters", "best")
_LISTS = (layout.LOSSES, layout.REFRESHES, layout.REPLACEMENTS, layout.LOOKS, layout.LOOK_VALUES)
_TRAIN_ANEW = (
    "the model is whole, but this was written while it was trained: bring it back from a copy, or delete the folder to "
    "train anew"
)
_log = logging.getLogger(__name__)
_LAST = 10  # steps that the reported loss is the mean of, at least


@dataclass(frozen=True)
class TrainingFolder:
    """Paths and state of a training run on disk.

    Args:
        path: The folder; made when the run begins.
    """

    path: Path

    @property
    def model(self) -> Path:
        """Where the trained model is saved."""
        return self.path / "model"

    @property
    def losses(self) -> Path:
        """The loss curve."""
        return self.path / layout.LOSSES

    def finished(self, inputs: dict[str, Any]) -> dict[str, Any] | None:
        """Look up the result of a finished run.

        Args:
            inputs: All that decides the result; must match what the folder was made with.

        Returns:
            What `finish` recorded, or None if the run is not begun or not finished.

        Raises:
            RunError: The folder holds a run with other inputs.
        """
        mend_state(self.path / layout.TRAINING)
        state = self._state()
        if state is None:
            return None
        differ = sorted(key for key in inputs | state["inputs"] if inputs.get(key) != state["inputs"].get(key))
        if differ:
            was = ", ".join(f"{key} ({state['inputs'].get(key)!r} there, {inputs.get(key)!r} now)" for key in differ)
            raise RunError(f"{self.path} holds a training run with other inputs: {was}; train into another folder")
        if state["result"] is None:
            self._anew_if_damaged()
        elif damaged := list(damage_in(self.model)) or [self.model] * (not self.model.is_dir()):
            self._anew(damaged)
            self.begin(inputs)
            return None
        else:
            for path in damage_in(self.path):
                if path.name != layout.VECTORS:  # which the model, being whole, gives again
                    raise DamagedError(path, way_out=_TRAIN_ANEW)
        return state["result"]

    def result(self) -> dict[str, Any] | None:
        """Look up the result, whatever the inputs were; None if there is none."""
        state = self._state()
        result: dict[str, Any] | None = None if state is None else state["result"]
        return result

    def _anew_if_damaged(self) -> None:
        """Go back to the beginning if anything is damaged that an unfinished run would go on from."""
        damaged = [path for path in (self.path / name for name in _LISTS) if is_damaged(path)]
        damaged += [each for name in _STATE for each in damage_below(self.path / name)]
        if damaged:
            self._anew(damaged)

    def _anew(self, damaged: Sequence[Path]) -> None:
        _log.warning("%s is damaged or gone; this training is done anew, and all else is kept", damaged[0])
        for name in _STATE:
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in _LISTS:
            (self.path / name).unlink(missing_ok=True)

    def note_lists(self) -> None:
        """Write down the checksums of the lists to which each step or look adds a line."""
        for name in _LISTS:
            if name.endswith(".jsonl"):
                note_grown(self.path / name)

    def begin(self, inputs: dict[str, Any]) -> None:
        """Record what the run was asked for."""
        self._write({"inputs": inputs, "result": None})

    def finish(self, inputs: dict[str, Any], result: dict[str, Any]) -> None:
        """Record that the run is done; its checkpoints and rounds of negatives are no longer needed."""
        self.note_lists()
        self._write({"inputs": inputs, "result": result})
        for name in _STATE:
            shutil.rmtree(self.path / name, ignore_errors=True)

    def checkpoint(self, step: int) -> Path:
        """Name the checkpoint of a step."""
        return self.path / "checkpoints" / f"step-{step:08d}"

    def latest(self) -> int | None:
        """Find the step of the latest checkpoint, or None."""
        steps = [int(folder.name.removeprefix("step-")) for folder in self.path.glob("checkpoints/step-*")]
        return max(steps, default=None)

    def forget_before(self, step: int) -> None:
        """Remove all checkpoints older than that of `step`."""
        for folder in self.path.glob("checkpoints/step-*"):
            if folder != self.checkpoint(step):
                shutil.rmtree(folder)

    def cut_losses(self, step: int) -> float:
        """Drop the lines of the loss curve from `step` on: those steps will be done again.

        Args:
            step: Steps that need not be done again.

        Returns:
            Seconds that the steps before had taken.
        """
        lines = checked(self.losses).read_text().splitlines() if step and self.losses.exists() else []
        with replacing(self.losses) as temporary:
            temporary.write_text("".join(line + "\n" for line in lines[:step]))
        return float(json.loads(lines[step - 1])["seconds"]) if len(lines) >= step > 0 else 0.0

    def records(self) -> list[dict[str, float | None]]:
        """Read what was recorded of each step, in order; nothing if no step was."""
        return read_lines(self.losses)

    def write_findings(self, findings: Sequence[Finding]) -> None:
        """Write down what the steps so far show."""
        write_findings(self.path, findings)

    def findings(self) -> tuple[Finding, ...]:
        """Read what `write_findings` wrote; nothing if it never did."""
        return read_findings(self.path)

    def final_loss(self) -> float:
        """Average the loss over the last tenth of the steps, at least ten of them: single batches differ by a third."""
        losses = [float(line["loss"]) for line in read_lines(self.losses)]
        last = losses[-max(_LAST, len(losses) // 10) :]
        return sum(last) / len(last)

    def _state(self) -> dict[str, Any] | None:
        path = self.path / layout.TRAINING
        if not path.exists():
            if any(not entry.name.startswith(".") for entry in self.path.glob("*")):
                raise RunError(f"{self.path} is not empty and holds no training run; train into another folder")
            return None
        state = read_state(path, keys=("inputs", "result"))
        if not isinstance(state["inputs"], dict):
            raise RunError(f"{path} cannot be read: its inputs are no object; remove the folder or train into another")
        return {"inputs": state["inputs"], "result": state["result"]}

    def _write(self, state: dict[str, Any]) -> None:
        write_state(self.path / layout.TRAINING, state)
