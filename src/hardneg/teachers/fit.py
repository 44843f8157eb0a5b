"""Training one cross-encoder on labelled pairs, with the trainer of sentence-transformers."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import torch
from datasets import Dataset as Rows
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss
from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.models.loading import choose_precision
from hardneg.progress import Advance
from hardneg.teachers.pairs import LabelledPairs
from hardneg.teachers.settings import TeacherSettings
from hardneg.teachers.start import quiet

_WARMUP_SHARE = 0.1


def fit(
    model: CrossEncoder,
    dataset: Dataset,
    pairs: LabelledPairs,
    *,
    settings: TeacherSettings,
    advance: Advance,
    asked_to_stop: Callable[[], bool],
) -> float:
    """Move a model's weights so that positives score above mined negatives.

    The loss is binary cross-entropy on the logit of each pair.

    References:
        Nogueira and Cho (2019), "Passage Re-ranking with BERT", arXiv:1901.04085, equation 1.
    """
    weight = pairs.n_negatives / pairs.n_positives if settings.pos_weight is None else settings.pos_weight
    rows = Rows.from_dict(
        {
            "query": dataset.query_texts.gather(pairs.query).fill_null("").to_list(),
            "document": dataset.document_texts.gather(pairs.document).fill_null("").to_list(),
            "label": pairs.positive.astype(float).tolist(),
        }
    )
    with TemporaryDirectory() as folder, quiet(), _prepared(model, dropout=settings.dropout):
        arguments = _arguments(folder, settings, model.device, n_rows=len(rows))
        trainer = CrossEncoderTrainer(
            model=model,
            args=arguments,
            train_dataset=rows,
            loss=BinaryCrossEntropyLoss(model, pos_weight=torch.tensor(weight, device=model.device)),
            callbacks=[_Watch(advance, asked_to_stop, n_rows=len(rows))],
        )
        trainer.remove_callback(PrinterCallback)
        loss = float(trainer.train().training_loss)
    if not (math.isfinite(loss) and all(bool(weight.isfinite().all()) for weight in model.parameters())):
        raise RunError(f"training of the teacher has diverged (loss {loss}): lower learning_rate or use precision fp32")
    return loss


@contextmanager
def _prepared(model: CrossEncoder, *, dropout: bool) -> Iterator[None]:
    """Switch dropout off unless it is wanted, and on a CPU the fused attention, whose backward pass is slow there."""
    layers = [] if dropout else [each for each in model.modules() if isinstance(each, torch.nn.Dropout)]
    shares, attention = [layer.p for layer in layers], model.model.config._attn_implementation
    for layer in layers:
        layer.p = 0.0
    if model.device.type == "cpu" and attention == "sdpa":
        model.model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.model.set_attn_implementation(attention)
        for layer, share in zip(layers, shares, strict=True):
            layer.p = share


def _arguments(
    folder: str, settings: TeacherSettings, device: torch.device, *, n_rows: int
) -> CrossEncoderTrainingArguments:
    n_steps = settings.epochs * math.ceil(n_rows / settings.batch_size)
    arguments = CrossEncoderTrainingArguments(
        output_dir=folder,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        warmup_steps=int(_WARMUP_SHARE * n_steps),  # rounded up, a run of one step would have rate 0
        bf16=choose_precision(settings.precision, device) == "bf16",
        seed=settings.seed,
        use_cpu=device.type == "cpu",
        dataloader_pin_memory=device.type == "cuda",
        save_strategy="no",
        logging_strategy="no",
        logging_nan_inf_filter=False,  # it would hide that training has diverged
        report_to="none",
        disable_tqdm=True,
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # else every GPU in sight gets a batch of its own (DataParallel)
    return arguments


class _Watch(TrainerCallback):  # type: ignore[misc] # transformers carries no types here
    """Tells how far training is, and ends it when asked to."""

    def __init__(self, advance: Advance, asked_to_stop: Callable[[], bool], *, n_rows: int) -> None:
        self.advance = advance
        self.asked_to_stop = asked_to_stop
        self.n_rows = n_rows
        self.done = 0

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,  # noqa: ANN401, ARG002 - the trainer passes all it has
    ) -> None:
        """Report a step."""
        epoch, step = divmod(state.global_step, math.ceil(self.n_rows / args.per_device_train_batch_size))
        done = epoch * self.n_rows + step * args.per_device_train_batch_size
        self.advance(done - self.done)
        self.done = done
        if self.asked_to_stop():
            control.should_training_stop = True
