"""What must hold of looks: they change nothing, and a run that was stopped has the curve of one that was not."""

import json
import signal
from contextlib import nullcontext
from dataclasses import replace

import polars as pl
import pytest
import torch

from hardneg.errors import Interrupted
from hardneg.evaluation.retrieval import evaluate
from hardneg.models.store import new_vectors_in
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.progress import showing
from hardneg.sources import Dense
from hardneg.training import loop
from hardneg.training.loop import train
from hardneg.training.refresh.settings import Refresh
from hardneg.training.settings import TrainSettings
from hardneg.training.watch.curve import Curve
from hardneg.training.watch.sample import draw_sample
from stopping import StopAfter, weights
from tiny_model import build_tiny_model
from watched_toy import SETTINGS, WATCH, watched_dataset, watched_negatives

PLAIN = TrainSettings(**SETTINGS)
WATCHED = replace(PLAIN, watch=WATCH)
BEST = replace(PLAIN, watch=WATCH | {"keep": "best"})


@pytest.fixture(scope="module")
def data():
    return watched_dataset()


@pytest.fixture(scope="module")
def start(tmp_path_factory, data):
    return build_tiny_model(tmp_path_factory.mktemp("start"), [*data.query_texts, *data.document_texts])


def run(start, data, settings, out, **more):
    return train(start, data, watched_negatives(), settings=settings, out=out, **more)


def curve(folder):
    lines = [json.loads(line) | {"seconds": 0} for line in (folder / "watch.jsonl").read_text().splitlines()]
    return lines, pl.read_parquet(folder / "watch.parquet").rows()


@pytest.mark.parametrize("more", [{}, {"dropout": True}, {"precision": "bf16"}])
def test_who_only_looks_changes_no_byte(start, data, tmp_path, more):
    for name, settings in (("plain", PLAIN), ("watched", WATCHED)):
        run(start, data, replace(settings, **more), tmp_path / name)
    assert weights(tmp_path / "plain") == weights(tmp_path / "watched")
    losses = [(tmp_path / name / "loss.jsonl").read_text().splitlines() for name in ("plain", "watched")]
    assert [json.loads(line)["loss"] for line in losses[0]] == [json.loads(line)["loss"] for line in losses[1]]


def test_the_kept_model_is_that_of_the_best_look(start, data, tmp_path):
    last = run(start, data, WATCHED, tmp_path / "last").watched
    trained = run(start, data, BEST, tmp_path / "best")
    best = trained.watched.best
    assert 0 < best.step < last.last.step
    assert [look.value for look in trained.watched.looks] == [look.value for look in last.looks]
    assert weights(tmp_path / "best") != weights(tmp_path / "last")
    sample = draw_sample(BEST.watch, data, split="dev")
    with new_vectors_in(tmp_path / "vectors"):
        measured = evaluate(sample.dataset, Dense(model=str(trained.path), precision="fp32"), split="dev")
    assert measured.metrics["nDCG@10"] == pytest.approx(best.value, abs=1e-6)
    assert not (tmp_path / "best" / "best").exists()


def test_patience_ends_training_and_says_so(start, data, tmp_path):
    whole = run(start, data, WATCHED, tmp_path / "whole")
    settings = replace(PLAIN, watch=WATCH | {"keep": "best", "patience": 2})
    trained = run(start, data, settings, tmp_path / "patient")
    watched, looks = trained.watched, whole.watched.looks
    assert watched.stopped
    assert trained.n_steps == watched.last.step < whole.n_steps
    assert [look.value for look in watched.looks] == [look.value for look in looks[: len(watched.looks)]]
    assert [look.step for look in watched.looks].index(watched.best.step) == len(watched.looks) - 3
    assert "training stopped early" in repr(trained)
    assert run(start, data, settings, tmp_path / "patient") == trained


SETTINGS_TO_STOP = {
    "last": {"watch": WATCH},
    "best": {"watch": WATCH | {"keep": "best"}, "dropout": True},
    "patience": {"watch": WATCH | {"keep": "best", "patience": 3}},
    "refresh": {"watch": WATCH | {"keep": "best"}, "refresh": Refresh(every=3)},
}


def plan_for(start, settings):
    if settings.refresh is None:
        return {}
    return {"plan": Plan("train", (Dense(model=start, precision="fp32"),), (), Selection(per_query=3), depth=6)}


@pytest.mark.parametrize("name", SETTINGS_TO_STOP)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_was_stopped_twice_has_the_same_curve_and_model(start, data, tmp_path, name, number):
    settings = replace(PLAIN, **SETTINGS_TO_STOP[name])
    more = plan_for(start, settings)
    whole = run(start, data, settings, tmp_path / "whole", **more)
    for pairs in (3, 21):
        with showing(StopAfter(pairs, number)), pytest.raises(Interrupted, match="same command"):
            run(start, data, settings, tmp_path / "stopped", **more)
        torch.manual_seed(99)
    resumed = run(start, data, settings, tmp_path / "stopped", **more)
    assert weights(tmp_path / "stopped") == weights(tmp_path / "whole")
    assert curve(tmp_path / "stopped") == curve(tmp_path / "whole")
    assert replace(resumed.watched, looks=()) == replace(whole.watched, looks=())
    assert resumed.n_steps == whole.n_steps


class Crash:
    """A display that ends training as a power cut would, after so many pairs or looks."""

    def __init__(self, left, unit):
        self.left, self.unit = left, unit

    def task(self, description, *, total, unit):
        return nullcontext(self.advance if unit == self.unit else lambda _: None)

    def advance(self, units):
        self.left -= units
        if self.left < 0:
            raise OSError("power cut")


@pytest.mark.parametrize(("left", "unit"), [(0, "looks"), (1, "looks"), (3, "looks"), (30, "pairs"), (50, "pairs")])
@pytest.mark.parametrize("checkpoint_every", [3, 500])
def test_a_run_that_was_killed_has_the_same_curve_and_model(start, data, tmp_path, left, unit, checkpoint_every):
    settings = replace(BEST, checkpoint_every=checkpoint_every)
    run(start, data, settings, tmp_path / "whole")
    with showing(Crash(left, unit)), pytest.raises(OSError, match="power"):
        run(start, data, settings, tmp_path / "killed")
    run(start, data, settings, tmp_path / "killed")
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole")


def test_a_kill_between_the_weights_and_the_line_of_a_look_loses_neither(start, data, tmp_path, monkeypatch):
    run(start, data, BEST, tmp_path / "whole")
    add = Curve.add

    def cut(curve, look, values):
        if look.step and look.best == look.step:
            raise OSError("power cut")
        add(curve, look, values)

    monkeypatch.setattr(Curve, "add", cut)
    with pytest.raises(OSError, match="power"):
        run(start, data, BEST, tmp_path / "killed")
    monkeypatch.undo()
    run(start, data, BEST, tmp_path / "killed")
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole")


def test_a_kill_before_the_last_measurement_costs_that_alone(start, data, tmp_path, monkeypatch):
    settings = replace(BEST, watch=WATCH | {"keep": "best", "whole": True})
    monkeypatch.setattr(loop, "measure_whole", lambda *_, **__: (_ for _ in ()).throw(OSError("power cut")))
    with pytest.raises(OSError, match="power"):
        run(start, data, settings, tmp_path / "run")
    monkeypatch.undo()
    written = (tmp_path / "run" / "model" / "model.safetensors").stat().st_mtime_ns
    trained = run(start, data, settings, tmp_path / "run")
    assert trained.watched.whole is not None
    assert (tmp_path / "run" / "model" / "model.safetensors").stat().st_mtime_ns == written
