"""What must hold of every training run: the same bytes again, also after a stop; gradients by the book."""

import json
import math
import signal

import numpy as np
import polars as pl
import pytest
import torch
from accelerate import Accelerator
from sentence_transformers import SentenceTransformer

from hardneg.data.dataset import Dataset
from hardneg.errors import Interrupted, ModelError, RunError
from hardneg.progress import showing
from hardneg.training.loop import train
from hardneg.training.passes.embedding import TwoTowers
from hardneg.training.plan import Step, TrainingData, plan_steps
from hardneg.training.pool.settings import Queue
from hardneg.training.sampling.batches import MinedNegatives, assemble, training_pairs
from hardneg.training.settings import TrainSettings
from hardneg.training.step import compute_gradient
from tiny_model import build_tiny_model
from toy import toy_dataset, toy_negatives

SETTINGS = {"batch_size": 8, "epochs": 2, "learning_rate": 1e-3, "precision": "fp32", "negatives_per_row": 2}


@pytest.fixture(scope="module")
def toy():
    return toy_dataset()


@pytest.fixture(scope="module")
def start(tmp_path_factory, toy):
    texts = [*toy.query_texts, *toy.document_texts, "find:"]
    return build_tiny_model(tmp_path_factory.mktemp("start"), texts)


def weights(folder):
    return (folder / "model" / "model.safetensors").read_bytes()


def curve(folder):
    return [json.loads(line) for line in (folder / "loss.jsonl").read_text().splitlines()]


class StopAfter:
    """A display that sends this process a signal once so many pairs are done."""

    def __init__(self, pairs, number=signal.SIGINT):
        self.left, self.number = pairs, number

    def task(self, description, *, total, unit):
        return self

    def __enter__(self):
        return self.advance

    def __exit__(self, *exception):
        return None

    def advance(self, pairs):
        self.left -= pairs
        if self.left <= 0 < self.left + pairs:
            signal.raise_signal(self.number)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(start, toy, tmp_path, precision):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        settings = TrainSettings(**SETTINGS | {"seed": seed, "precision": precision})
        train(start, toy, toy_negatives(), settings=settings, out=tmp_path / name)
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")


@pytest.mark.parametrize(
    ("more", "number"),
    [
        ({}, signal.SIGINT),
        ({"dropout": True}, signal.SIGTERM),
        ({"dropout": True, "queue": Queue(size=30, warmup=2), "cache_tokens": 100}, signal.SIGINT),
        ({"queue": Queue(size=30, momentum=0.9), "matryoshka": (8, 32)}, signal.SIGINT),
    ],
)
def test_a_run_that_was_stopped_twice_ends_with_the_bytes_of_one_that_was_not(start, toy, tmp_path, more, number):
    settings = TrainSettings(**SETTINGS, **more)
    whole = train(start, toy, toy_negatives(), settings=settings, out=tmp_path / "whole")
    for pairs in (10, 40):
        with showing(StopAfter(pairs, number)), pytest.raises(Interrupted, match="same command"):
            train(start, toy, toy_negatives(), settings=settings, out=tmp_path / "stopped")
        torch.manual_seed(99)
    resumed = train(start, toy, toy_negatives(), settings=settings, out=tmp_path / "stopped")
    assert weights(resumed.path.parent) == weights(whole.path.parent)
    without_seconds = [[line | {"seconds": 0} for line in curve(tmp_path / name)] for name in ("whole", "stopped")]
    assert without_seconds[0] == without_seconds[1]
    assert not (tmp_path / "stopped" / "checkpoints").exists()


def test_a_kill_between_checkpoints_costs_only_the_steps_since(start, toy, tmp_path, monkeypatch):
    settings = TrainSettings(**SETTINGS, checkpoint_every=3)
    train(start, toy, toy_negatives(), settings=settings, out=tmp_path / "whole")
    monkeypatch.setattr(StopAfter, "advance", _crash_after(35))
    with showing(StopAfter(0)), pytest.raises(OSError, match="power"):
        train(start, toy, toy_negatives(), settings=settings, out=tmp_path / "killed")
    assert [path.name for path in (tmp_path / "killed" / "checkpoints").iterdir()] == ["step-00000003"]
    assert len(curve(tmp_path / "killed")) > 3
    monkeypatch.undo()
    train(start, toy, toy_negatives(), settings=settings, out=tmp_path / "killed")
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")
    assert [line["step"] for line in curve(tmp_path / "killed")] == [line["step"] for line in curve(tmp_path / "whole")]


def _crash_after(limit):
    done = 0

    def advance(self, pairs):
        nonlocal done
        done += pairs
        if done > limit:
            raise OSError("power cut")

    return advance


def test_a_finished_run_is_not_done_again(start, toy, tmp_path):
    first = train(start, toy, settings=TrainSettings(**SETTINGS), out=tmp_path / "run")
    written = (first.path / "model.safetensors").stat().st_mtime_ns
    again = train(start, toy, settings=TrainSettings(**SETTINGS, checkpoint_every=7), out=tmp_path / "run")
    assert again == first
    assert (first.path / "model.safetensors").stat().st_mtime_ns == written


def test_a_folder_with_another_run_is_refused_and_the_difference_named(start, toy, tmp_path):
    train(start, toy, settings=TrainSettings(**SETTINGS), out=tmp_path / "run")
    with pytest.raises(RunError, match=r"learning_rate \('0.001' there, '0.5' now\)"):
        train(start, toy, settings=TrainSettings(**SETTINGS | {"learning_rate": 0.5}), out=tmp_path / "run")
    with pytest.raises(RunError, match="negatives"):
        train(start, toy, toy_negatives(), settings=TrainSettings(**SETTINGS), out=tmp_path / "run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    with pytest.raises(RunError, match="holds no training run"):
        train(start, toy, settings=TrainSettings(**SETTINGS), out=tmp_path / "other")


def test_training_lowers_the_loss_and_saves_a_model_with_its_prompts(start, toy, tmp_path):
    settings = TrainSettings(**SETTINGS | {"epochs": 6, "query_prompt": "find: "})
    trained = train(start, toy, toy_negatives(), settings=settings, out=tmp_path / "run")
    assert trained.loss < 0.8 * curve(tmp_path / "run")[0]["loss"]
    assert trained.n_steps == len(curve(tmp_path / "run"))
    model = SentenceTransformer(str(trained.path), device="cpu")
    assert model.prompts["query"] == "find: "


def test_a_cut_in_training_changes_the_weights_and_leaves_the_limit_of_the_saved_model(start, toy, tmp_path):
    for max_tokens in (8, 64):
        settings = TrainSettings(**SETTINGS, max_tokens=max_tokens)
        trained = train(start, toy, toy_negatives(), settings=settings, out=tmp_path / str(max_tokens))
        assert SentenceTransformer(str(trained.path), device="cpu").max_seq_length == 64
    assert weights(tmp_path / "8") != weights(tmp_path / "64")


def test_a_cut_beyond_the_positions_of_the_model_is_refused_before_any_work(start, toy, tmp_path):
    with pytest.raises(ModelError, match="positions for 64 tokens"):
        train(start, toy, settings=TrainSettings(max_tokens=65), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_pairs_that_never_meet_a_negative_are_refused_before_any_work(start, toy, tmp_path):
    one = Dataset.from_tables(
        pl.DataFrame({"id": ["q0"], "text": toy.query_texts[:1]}),
        pl.DataFrame({"id": [f"d{i}" for i in range(40)], "text": toy.document_texts}),
        pl.DataFrame({"query_id": ["q0"], "doc_id": ["d0"], "relevance": [1], "split": ["train"]}),
    )
    with pytest.raises(RunError, match=r"nothing can be learned from the 1 training pairs.*mine negatives"):
        train(start, one, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    trained = train(
        start, one, toy_negatives().filter(query=0), settings=TrainSettings(**SETTINGS), out=tmp_path / "run"
    )
    assert trained.loss > 0


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_its_checkpoint(start, toy, tmp_path, monkeypatch):
    settings = TrainSettings(**SETTINGS, checkpoint_every=2)
    forward, calls = TwoTowers.forward, 0

    def broken(self, queries, documents):
        nonlocal calls
        calls += 1
        found = forward(self, queries, documents)
        return (found[0] * math.nan, found[1]) if calls == 4 else found

    monkeypatch.setattr(TwoTowers, "forward", broken)
    with pytest.raises(RunError, match="diverged"):
        train(start, toy, settings=settings, out=tmp_path / "run")
    assert (tmp_path / "run" / "checkpoints" / "step-00000002").exists()
    assert len(curve(tmp_path / "run")) == 3


def test_negatives_that_do_not_fit_are_refused_before_any_work(start, toy, tmp_path):
    for table, message in (
        (pl.DataFrame({"query": [0]}), "no column 'document'"),
        (pl.DataFrame({"query": [0], "document": [40]}), "names document 40"),
        (pl.DataFrame({"query": ["q0"], "document": ["d1"]}), "positions, not ids"),
    ):
        with pytest.raises(RunError, match=message):
            train(start, toy, table, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_model_that_compares_by_distance_is_refused(start, toy, tmp_path):
    model = SentenceTransformer(str(start), device="cpu", similarity_fn_name="euclidean")
    model.save_pretrained(str(tmp_path / "euclidean"), create_model_card=False)
    with pytest.raises(ModelError, match="euclidean"):
        train(tmp_path / "euclidean", toy, out=tmp_path / "run")


def gradient_of(start, toy, settings, steps=None):
    query, document = training_pairs(toy, "train")
    data = TrainingData(toy, query, document, MinedNegatives(toy_negatives(), n_queries=toy.n_queries))
    model = SentenceTransformer(str(start), device="cpu").eval()
    towers = TwoTowers(model, query_prompt=None, document_prompt=None, bf16=False)
    step = (steps or plan_steps(data, settings))[0]
    measured = compute_gradient(step, data, towers, Accelerator(), settings)
    return (
        measured,
        {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None},
        data,
    )


def test_accumulation_averages_over_pairs_whatever_the_sizes_of_the_batches(start, toy):
    settings = TrainSettings(**SETTINGS | {"max_grad_norm": None})
    parts = [np.arange(6), np.arange(6, 8)]
    both, together, _ = gradient_of(start, toy, settings, [Step(0, parts)])
    alone = [gradient_of(start, toy, settings, [Step(0, [rows])]) for rows in parts]
    assert both.loss == pytest.approx(sum(m.loss * len(r) for (m, _, _), r in zip(alone, parts, strict=True)) / 8)
    for name, gradient in together.items():
        expected = sum(g[name] * len(r) for (_, g, _), r in zip(alone, parts, strict=True)) / 8
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)


def test_the_loss_of_a_step_is_the_textbook_double_loop_over_texts(start, toy):
    settings = TrainSettings(**SETTINGS)
    measured, _, data = gradient_of(start, toy, settings)
    step = plan_steps(data, settings)[0]
    batch = assemble(step.batches[0], data.query, data.document, data.negatives, per_row=2, epoch=0, seed=0)
    model = SentenceTransformer(str(start), device="cpu")
    queries, documents = model.encode(toy.query_texts.to_list()), model.encode(toy.document_texts.to_list())
    pool = set(batch.document.tolist()) | set(batch.negative.tolist())
    total = 0.0
    for q, positive in zip(batch.query.tolist(), batch.document.tolist(), strict=True):
        negatives = pool - set(toy.positives.of(q).tolist())
        weigh = {d: math.exp(float(queries[q] @ documents[d]) / 0.05) for d in negatives | {positive}}
        total -= math.log(weigh[positive] / sum(weigh.values()))
    assert measured.loss == pytest.approx(total / len(batch), rel=1e-3)


def test_the_gradient_is_cut_to_the_length_asked_for(start, toy):
    measured, gradients, _ = gradient_of(start, toy, TrainSettings(**SETTINGS | {"max_grad_norm": 0.1}))
    assert measured.grad_norm > 0.1
    assert math.sqrt(sum(float(g.square().sum()) for g in gradients.values())) == pytest.approx(0.1, rel=1e-3)


def test_tensorboard_gets_the_losses(start, toy, tmp_path):
    pytest.importorskip("tensorboard")
    settings = TrainSettings(**SETTINGS, trackers=("tensorboard",), log_every=1)
    train(start, toy, settings=settings, out=tmp_path / "run")
    assert list((tmp_path / "run").rglob("events.out.tfevents*"))


def test_weights_and_biases_gets_the_losses_without_a_network(start, toy, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    settings = TrainSettings(**SETTINGS, trackers=("wandb",), log_every=1)
    train(start, toy, settings=settings, out=tmp_path / "run")
    assert list((tmp_path / "wandb").rglob("*.wandb"))


def test_processes_that_would_not_talk_to_each_other_are_refused(start, toy, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RunError, match="ACCELERATE_USE_CPU"):
        train(start, toy, out=tmp_path / "run")
