"""One session of a training run: where it begins, how weights move, what it leaves when it ends or is stopped."""

import json
import logging
import math
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import accelerate.accelerator
import numpy as np
import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.utils import load, set_seed

from hardneg.checksums import note_tree
from hardneg.data.findings import Finding, in_order
from hardneg.errors import HardnegError, Interrupted, RunError
from hardneg.files import naming, replacing_folder, temporary_folder
from hardneg.models.own_code import save_model, write_query_form
from hardneg.runs import layout
from hardneg.runs.done import is_done
from hardneg.training.folder import TrainingFolder
from hardneg.training.lora import merge_adapters
from hardneg.training.passes.embedding import TwoTowers
from hardneg.training.pool.queue import QueueState
from hardneg.training.refresh.store import Rounds, failed_refreshes
from hardneg.training.sample_vectors import write_vectors
from hardneg.training.settings import TrainSettings
from hardneg.training.step import Measured
from hardneg.training.symptoms.report import symptoms
from hardneg.training.watch.curve import Curve, fall

_NUMBERS: list[Any] = [
    type(np.dtype(kind)) for kind in ("f8", "f4", "i8", "i4", "?")
]  # of arrays in earlier checkpoints
_log = logging.getLogger(__name__)
_KEY = "give wandb a key (`wandb login`, or WANDB_API_KEY), or set WANDB_MODE=offline"
_ROOM = "install it anew, and make sure that the run's folder can be written to"


def learning_rate(step: int, *, total: int, settings: TrainSettings) -> float:
    """Give the rate of one step.

    The rate is a function of the step alone, so a resumed run needs no schedule to be restored.
    """
    warmup = math.ceil(total * settings.warmup_share)
    if step < warmup:
        return settings.peak * (step + 1) / (warmup + 1)
    left = (total - step) / max(1, total - warmup)
    shape = {"linear": left, "cosine": 0.5 - 0.5 * math.cos(math.pi * left), "constant": 1.0}
    return settings.peak * shape[settings.schedule]


def build_optimizer(model: torch.nn.Module, settings: TrainSettings) -> torch.optim.AdamW:
    """Set up AdamW with weight decay on matrices only.

    Biases and the scales of normalisation layers have one axis; to pull them to zero only hurts.

    References:
        Loshchilov and Hutter (2019), arXiv:1711.05101. Decay 0.01 and no decay on biases and normalisation
        follow BERT's training code.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=settings.peak, fused=True)


@dataclass(frozen=True, eq=False)
class Session:
    """What the steps from a start, or a checkpoint, work with."""

    towers: torch.nn.Module
    optimizer: AcceleratedOptimizer
    accelerator: Accelerator
    folder: TrainingFolder
    settings: TrainSettings
    done: int  # steps of earlier sessions
    seconds: float  # that they took
    queue: QueueState | None = None
    noticed: tuple[Finding, ...] = ()  # what was to be said before the first step


def begin_run(folder: TrainingFolder, inputs: dict[str, Any], accelerator: Accelerator) -> None:
    """Write down what a run was asked for, before it leaves anything else in its folder."""
    accelerator.wait_for_everyone()  # all have looked into the folder before one writes to it
    if accelerator.is_main_process:
        folder.begin(inputs)


def open_session(
    towers: TwoTowers,
    accelerator: Accelerator,
    folder: TrainingFolder,
    settings: TrainSettings,
    *,
    inputs: dict[str, Any],
    noticed: tuple[Finding, ...] = (),
) -> Session:
    """Begin a run, or take it up where its latest checkpoint left it."""
    set_seed(settings.seed, device_specific=True)
    queue = None if settings.queue is None else QueueState(settings.queue, towers)
    if queue is not None:
        accelerator.register_for_checkpointing(queue)
    prepared, optimizer = accelerator.prepare(towers, build_optimizer(towers, settings))
    if settings.trackers:
        _start_trackers(accelerator, settings, {name: str(value) for name, value in inputs.items()})
    done = folder.latest() or 0
    if done:
        load_checkpoint(accelerator, folder.checkpoint(done))
    seconds = folder.cut_losses(done) if accelerator.is_main_process else 0.0
    accelerator.wait_for_everyone()
    return Session(prepared, optimizer, accelerator, folder, settings, done, seconds, queue, noticed)


def _start_trackers(accelerator: Accelerator, settings: TrainSettings, config: dict[str, str]) -> None:
    """Start the trackers, or say in one message which of them would not start, and why."""
    try:
        accelerator.init_trackers("hardneg", config=config)
    except Exception as error:  # each tracker has errors of its own: no key, no network, no such project
        named = " and ".join(map(repr, settings.trackers))
        message = str(error).strip().partition("\n")[0] or type(error).__name__
        raise RunError(
            f"the tracker {named} cannot be started: {message}; {_KEY if 'wandb' in settings.trackers else _ROOM}, or "
            "leave the setting 'trackers' out: loss.jsonl in the run's folder has every step anyway"
        ) from error


def record(
    session: Session,
    measured: Measured,
    *,
    probed: Mapping[str, float],
    step: int,
    epoch: int,
    learning_rate: float,
    seconds: float,
) -> None:
    """Add a step to the loss curve, and to the trackers in turn; one that is no number is not added, and ends it."""
    figures = {"learning_rate": learning_rate, **asdict(measured), **probed}
    values = {name: value if math.isfinite(value) else None for name, value in figures.items()}
    line = {"step": step, "epoch": epoch, **values, "seconds": round(seconds, 3)}
    if not (math.isfinite(measured.loss) and math.isfinite(measured.grad_norm)):
        _write_findings(session, line)
        raise RunError(
            f"training has diverged at step {step} (loss {measured.loss}, gradient {measured.grad_norm}): "
            "lower the learning rate or use precision fp32, and train into another folder than "
            f"{session.folder.path}"
        )
    if not session.accelerator.is_main_process:
        return
    with session.folder.losses.open("a") as file:
        file.write(json.dumps(line) + "\n")
    if session.settings.trackers and step % session.settings.log_every == 0:
        session.accelerator.log({name: value for name, value in values.items() if value is not None}, step=step)


def keep(session: Session, *, step: int, total: int, stop: bool) -> None:
    """Save a checkpoint if it is time for one, or if the run shall stop; one process that was asked to stops all."""
    if stop:
        session.accelerator.set_trigger()
    stop = session.accelerator.check_trigger()
    if step < total and (stop or step % session.settings.checkpoint_every == 0):
        _save_checkpoint(session, step)
    if stop and step < total:
        raise Interrupted(
            f"training stopped after step {step} of {total}; the same command goes on from there "
            f"({session.folder.checkpoint(step)})"
        )


def close_session(
    session: Session,
    towers: TwoTowers,
    *,
    inputs: dict[str, Any],
    result: dict[str, Any],
    query_form: str | None,
    kept: Path | None = None,
) -> None:
    """Save the trained model, and the form of the queries that it read, and mark the run as finished.

    The model is the one in the folder `kept`, if there is one, else what training ended with.
    """
    session.accelerator.wait_for_everyone()
    if session.accelerator.is_main_process:
        with replacing_folder(session.folder.model) as temporary:
            if kept is None:
                save_model(towers.model, temporary)
            else:
                shutil.copytree(kept, temporary, dirs_exist_ok=True)
            if session.settings.merge_adapters:
                merge_adapters(temporary, trusts=session.settings.trust_remote_code)
            write_query_form(temporary, query_form)
        keep_vectors(session.folder, session.accelerator, trusts=session.settings.trust_remote_code)
        _write_findings(session)
        session.folder.finish(inputs, result)
    if session.settings.trackers:
        session.accelerator.end_training()
    session.accelerator.wait_for_everyone()


def keep_vectors(folder: TrainingFolder, accelerator: Accelerator, *, trusts: bool) -> None:
    """Write down some vectors of the trained model, unless they are there, and whole: else the next call does it."""
    if not accelerator.is_main_process or is_done(folder.path / layout.VECTORS):
        return
    try:
        write_vectors(folder.path, folder.model, trusts=trusts)
    except HardnegError as error:  # a model that cannot be loaded again is no reason to lose it
        _log.warning("%s is saved, and could not be loaded again to look at its vectors: %s", folder.model, error)


def _write_findings(session: Session, *more: Mapping[str, float | None]) -> None:
    if session.accelerator.is_main_process:
        findings = symptoms([*session.folder.records(), *more], session.settings)
        failed = failed_refreshes(Rounds(session.folder.path).records())
        more_findings = [each for each in (failed, fall(Curve(session.folder.path))) if each is not None]
        session.folder.write_findings(in_order([*session.noticed, *findings, *more_findings]))


def load_checkpoint(accelerator: Accelerator, place: Path) -> None:
    """Read a checkpoint, of which nothing is run: accelerate would read the queue and its like as plain pickles."""
    reader = accelerate.accelerator.load_custom_state
    accelerate.accelerator.load_custom_state = _load_plain
    try:
        accelerator.load_state(str(place))
    except Exception as error:  # each reader of weights and states raises exceptions of its own
        reason = " ".join(str(error).strip().partition("\n")[0].split())
        raise RunError(
            f"the checkpoint {place} cannot be read ({type(error).__name__}: {reason}); delete it to begin anew, or "
            "train into another folder"
        ) from error
    finally:
        accelerate.accelerator.load_custom_state = reader


def _load_plain(state: Any, place: str | Path, index: int = 0) -> None:  # noqa: ANN401 - whatever was registered
    with torch.serialization.safe_globals(_NUMBERS):
        state.load_state_dict(load(f"{place}/custom_checkpoint_{index}.pkl", map_location="cpu", weights_only=True))


def _save_checkpoint(session: Session, step: int) -> None:
    final = session.folder.checkpoint(step)
    temporary = temporary_folder(final)
    with naming(final):
        session.accelerator.save_state(str(temporary))  # all processes write into one folder
    session.accelerator.wait_for_everyone()
    if session.accelerator.is_main_process:
        _write_findings(session)
        session.folder.note_lists()
        note_tree(temporary)
        temporary.rename(final)
        session.folder.forget_before(step)
    session.accelerator.wait_for_everyone()
