"""The training loop."""

import atexit
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState, is_initialized
from torch import distributed

from hardneg.arrays import Rows
from hardneg.data.dataset import Dataset
from hardneg.data.given import check_dataset
from hardneg.errors import RunError
from hardneg.files import check_folder
from hardneg.models.given import Loaded, named_model
from hardneg.models.loading import choose_precision
from hardneg.models.reading import reading_of
from hardneg.models.towers import prompt_of, token_limits
from hardneg.negatives.plan import Plan
from hardneg.progress import task
from hardneg.runs import layout
from hardneg.runs.done import is_done
from hardneg.runs.lock import writing
from hardneg.training.checks import check
from hardneg.training.folder import TrainingFolder
from hardneg.training.inputs import check_query_form, describe_inputs, load_for_training
from hardneg.training.interruption import noticing_signals
from hardneg.training.mixture import MixturePart, mix, with_own_negatives
from hardneg.training.passes.embedding import TwoTowers, cutting_texts
from hardneg.training.plan import Step, TrainingData, check_plan, counted, plan_steps, serve
from hardneg.training.pool.sampling_bias import Streaming
from hardneg.training.probe import Probe, choose_probe, measure_conflict, probe_steps
from hardneg.training.rates import with_rate
from hardneg.training.refresh.mine import Job, check_refresh, describe_plan
from hardneg.training.refresh.neighbours import Drawing
from hardneg.training.refresh.scheduler import Supply
from hardneg.training.refresh.store import Rounds
from hardneg.training.sampling.batches import training_pairs
from hardneg.training.sampling.neighbours import TrainingPairs
from hardneg.training.sampling.replacement import ReplacedNegatives
from hardneg.training.session import (
    Session,
    begin_run,
    close_session,
    keep,
    keep_vectors,
    learning_rate,
    open_session,
    record,
)
from hardneg.training.settings import TrainSettings
from hardneg.training.step import compute_gradient
from hardneg.training.symptoms.noticed import notice
from hardneg.training.teacher_scores import TeacherScores
from hardneg.training.trained import Trained, trained_of
from hardneg.training.watch.looking import Watcher, measure_whole, watcher_for
from hardneg.training.watch.sample import watched_split, without_trained


def train(
    model: str | Path | Loaded,
    dataset: Dataset,
    negatives: pl.DataFrame | None = None,
    *,
    scores: pl.DataFrame | None = None,
    settings: TrainSettings | None = None,
    plan: Plan | None = None,
    split: str = "train",
    also: Sequence[MixturePart] = (),
    out: Path | str,
) -> Trained:
    """Train a two-tower model on the positive pairs of a split.

    An interrupted run goes on from its latest checkpoint when called again with the same inputs, and ends
    with the same bytes as a run that was never stopped (on a CPU). A finished run is not done again.

    Args:
        model: Hub id, folder, or `package:NAME/FOLDER` of the model to start from, or a loaded `SentenceTransformer`,
            which is left as it is.
        dataset: Texts and labels; labels of all splits keep answers out of the negatives.
        negatives: Table with columns `query`, `document` (positions) and, if wanted, `weight` in [0, 1]. None takes
            those that the labels of the dataset name (`own_negatives`), and without any trains in-batch only.
        scores: Teacher scores for a loss that learns from them: columns `query`, `document` (positions), `teacher` and
            `score`, as `hardneg score` makes them; several teachers are averaged.
        settings: How to train; None takes the defaults.
        plan: What the negatives were mined with, its filters fitted; needed for a refresh only.
        split: Whose positives to train on.
        also: Further datasets to train on, each with its own negatives and prompts; a batch is of one of them. What
            is watched, and the prompts of the settings, are those of `dataset`.
        out: Folder of this run; `model` in it is the trained model.

    Returns:
        Where the model is, and what it took.

    Raises:
        DatasetError: The split does not exist or has no positive, or the one to be watched does not, or shares many
            queries with it.
        ModelError: The model cannot be loaded, compares by a distance, has no weight to train, or was trained on
            queries of another form.
        RunError: The table of negatives or of scores does not fit the dataset, the loss and the scores do not fit each
            other, no pair ever meets a negative, `out` holds something else, or the loss is no longer a number.
        RecipeError: The settings do not fit the model.
        MissingExtraError: A tracker, or PEFT for adapters, is not installed.
        Interrupted: SIGINT or SIGTERM came; a checkpoint was saved.
    """
    settings = settings or TrainSettings()
    model = named_model(model, purpose="train")
    check_dataset(dataset, purpose="train")
    check_folder(Path(out))
    watched = None if settings.watch is None else watched_split(settings.watch, dataset, trained=split)
    looked_at = dataset if watched is None else without_trained(dataset, watched, trained=split)
    first = MixturePart(dataset=dataset, negatives=negatives, scores=scores, split=split)
    parts, n_own, settings = with_own_negatives([first, *also], settings)
    mixture = mix(parts, settings)
    dataset, negatives, scores, split = mixture.dataset, mixture.negatives, mixture.scores, mixture.split
    query, document = training_pairs(dataset, split, max_pairs=settings.max_pairs, seed=settings.seed)
    teacher = None if scores is None else TeacherScores.from_table(scores, dataset)
    check(settings, dataset, negatives, teacher, pairs=(query, document))
    plan = _refreshed_by(plan, settings, negatives, model=model, split=split)
    with writing(Path(out)):
        folder = TrainingFolder(Path(out))
        accelerator = _start_accelerator(settings, folder)
        precision = choose_precision(settings.precision, accelerator.device)
        loaded = load_for_training(model, settings, device=accelerator.device, prompts=mixture.named_prompts)
        settings = with_rate(settings, loaded)
        query_form = check_query_form(model, first.dataset)
        inputs = describe_inputs(
            loaded,
            dataset,
            negatives,
            split=split,
            settings=settings,
            precision=precision,
            n_processes=accelerator.num_processes,
            teacher=teacher,
            mixture=mixture,
        )
        if plan is not None:
            inputs["plan"] = describe_plan(plan, dataset)
        result = folder.finished(inputs)
        if result is None:
            if settings.mask is not None:
                with accelerator.main_process_first():  # one process encodes, the others find the vectors
                    settings.mask.prepare(dataset, query)
            towers = TwoTowers(
                loaded,
                query_prompt=prompt_of(loaded, "query"),
                document_prompt=prompt_of(loaded, "document"),
                bf16=precision == "bf16",
            )
            queries, limits = np.unique(query), token_limits(loaded)
            with cutting_texts(loaded, settings.max_tokens):
                data = TrainingData(
                    dataset,
                    query,
                    document,
                    serve(negatives, settings, n_queries=dataset.n_queries),
                    teacher,
                    mixture=mixture if also else None,
                )
                drawing = _drawing(folder, settings, data, inputs=inputs, accelerator=accelerator)
                data = replace(data, neighbours=None if drawing is None else drawing.draw(0, towers, accelerator))
                data, steps = _lay_out(data, settings, accelerator)
                begin_run(folder, inputs, accelerator)
                job = _job(plan, settings, dataset, str(model), queries=queries, path=folder.path)
                reading = reading_of(
                    loaded, dataset, queries=queries, precision=precision, max_tokens=settings.max_tokens
                )
                noticed = notice(
                    dataset, None if n_own else negatives, steps, settings=settings, teacher=teacher, split=split
                )
                session = open_session(
                    towers,
                    accelerator,
                    folder,
                    settings,
                    inputs=inputs,
                    noticed=tuple(each for each in (*noticed, reading.finding(str(model))) if each is not None),
                )
                probe = choose_probe(data, negatives, seed=settings.seed)
                watcher = watcher_for(session, steps, looked_at, split=watched, limits=limits)
                with Supply(session, data, steps, negatives, job=job, drawing=drawing, limits=limits) as supply:
                    seconds = _work(session, supply, probe, watcher)
            result = {
                "n_steps": len(folder.records()),
                "n_pairs": len(query),
                "loss": folder.final_loss(),
                "seconds": seconds,
                "own_negatives": n_own,
                "reading": reading.as_dict(),
            }
            close_session(
                session,
                towers,
                inputs=inputs,
                result=result,
                query_form=query_form,
                kept=None if watcher is None else watcher.kept_weights,
            )
        keep_vectors(folder, accelerator, trusts=settings.trust_remote_code)
        _measure_kept(folder, looked_at, settings, split=watched, accelerator=accelerator)
        return trained_of(folder, result)


def _measure_kept(
    folder: TrainingFolder, dataset: Dataset, settings: TrainSettings, *, split: str | None, accelerator: Accelerator
) -> None:
    """Measure the trained model on all that was looked at in part, unless that is done or nobody asks."""
    out = folder.path / layout.WATCHED
    if settings.watch is None or split is None or not settings.watch.whole:
        return
    if accelerator.is_main_process and not is_done(out / layout.METRICS, out / layout.PER_QUERY):
        measure_whole(folder.model, dataset, settings, split=split, out=out)
    accelerator.wait_for_everyone()


def _refreshed_by(
    plan: Plan | None, settings: TrainSettings, negatives: pl.DataFrame | None, *, model: str | Path, split: str
) -> Plan | None:
    """Give the plan that refreshes mine by; None where there are none, or only batches are drawn again."""
    refresh = settings.refresh
    if refresh is None or (negatives is None and settings.clusters is not None):
        return None
    return check_refresh(plan, negatives, model=model, split=split, mode=refresh.mode)


def _job(
    plan: Plan | None, settings: TrainSettings, dataset: Dataset, model: str, *, queries: Rows, path: Path
) -> Job | None:
    """Put together what refreshes work on, if there are any."""
    if plan is None or settings.refresh is None:
        return None
    return Job(dataset, plan, model, queries, Rounds(path), settings.refresh.rescores)


def _drawing(
    folder: TrainingFolder,
    settings: TrainSettings,
    data: TrainingData,
    *,
    inputs: dict[str, Any],
    accelerator: Accelerator,
) -> Drawing | None:
    """Make ready to cluster batches, if the settings ask for it; what is found goes into the run's folder."""
    if settings.clusters is None:
        return None
    begin_run(folder, inputs, accelerator)
    return Drawing(folder.path, settings.clusters, TrainingPairs.of(data.dataset, data.query, data.document))


def _lay_out(data: TrainingData, settings: TrainSettings, accelerator: Accelerator) -> tuple[TrainingData, list[Step]]:
    """Lay out the steps, and have checkpoints keep what changes with them beside the weights."""
    data = counted(data, settings)
    steps = plan_steps(data, settings)
    check_plan(steps, data, settings)
    for each in (data.frequency, data.negatives):
        if isinstance(each, Streaming | ReplacedNegatives):
            accelerator.register_for_checkpointing(each)
    return data, steps


def _start_accelerator(settings: TrainSettings, folder: TrainingFolder) -> Accelerator:
    if is_initialized() and AcceleratorState().mixed_precision != "no":
        AcceleratorState._reset_state()  # an earlier trainer of this process, such as a teacher's, multiplied in bf16
    accelerator = Accelerator(
        mixed_precision="no",  # the towers cast for themselves
        log_with=list(settings.trackers) or None,
        project_dir=folder.path,
        # A BERT without its pooler has weights that no score depends on.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    if accelerator.num_processes == 1 and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RunError(
            f"{os.environ['WORLD_SIZE']} processes were launched, but each would train the whole run alone; "
            "without GPUs launch with `accelerate launch --cpu` or set ACCELERATE_USE_CPU=true"
        )
    if accelerator.num_processes > 1:
        atexit.register(_leave_group)
    return accelerator


def _leave_group() -> None:
    """Stop the threads that talk to other processes while Python is whole; one that is left may abort its process."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _work(session: Session, supply: Supply, probe: Probe | None, watcher: Watcher | None) -> float:
    """Do the steps that are left; returns the seconds of all steps, earlier sessions included."""
    started, steps = time.perf_counter() - session.seconds, supply.steps
    n_pairs = sum(step.n_pairs for step in steps)
    probed_at = probe_steps(len(steps))
    with noticing_signals() as asked_to_stop, task("training", total=n_pairs, unit="pairs") as advance:
        advance(sum(step.n_pairs for step in steps[: session.done]))
        if watcher is not None:
            watcher.look(session.done)
        for number in range(session.done, len(steps)):
            if watcher is not None and watcher.is_spent:
                break
            if supply.renew(number, seconds=time.perf_counter() - started) and session.queue is not None:
                session.queue.clear()
            step = supply.steps[number]
            rate = learning_rate(number, total=len(steps), settings=session.settings)
            for group in session.optimizer.param_groups:
                group["lr"] = rate
            data = supply.data.at(step.progress)
            probed = _look(probe, session, data.dataset) if number in probed_at else {}
            measured = compute_gradient(
                step, data, session.towers, session.accelerator, session.settings, queue=session.queue
            )
            seconds = time.perf_counter() - started
            record(
                session,
                measured,
                probed=probed,
                step=number + 1,
                epoch=step.epoch,
                learning_rate=rate,
                seconds=seconds,
            )
            session.optimizer.step()
            session.optimizer.zero_grad()
            advance(step.n_pairs)
            if watcher is not None:
                watcher.look(number + 1)
            keep(session, step=number + 1, total=len(steps), stop=asked_to_stop())
    return time.perf_counter() - started


def _look(probe: Probe | None, session: Session, dataset: Dataset) -> dict[str, float]:
    """Take a probe; one process is enough, since all have the same weights."""
    if probe is None or not session.accelerator.is_main_process:
        return {}
    return measure_conflict(probe, dataset, session.accelerator.unwrap_model(session.towers))
