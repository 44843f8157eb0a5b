"""Symptoms on made-up trajectories: each fires where it should, and none on healthy runs."""

import json
import math

import numpy as np
import pytest

from hardneg.errors import Interrupted, RunError
from hardneg.losses import KL, InfoNCE, MarginMSE, WeightedSum
from hardneg.progress import showing
from hardneg.training.folder import TrainingFolder
from hardneg.training.loop import train
from hardneg.training.passes.embedding import TwoTowers
from hardneg.training.settings import TrainSettings
from hardneg.training.symptoms.report import symptoms
from hardneg.training.symptoms.trend import MIN_STEPS, series, trend
from tiny_model import build_tiny_model
from toy import toy_dataset, toy_negatives

SETTINGS = TrainSettings(loss=InfoNCE())


def healthy(n=60, seed=0, **figures):
    """A run as fine-tuning records it: losses that vary by a third among batches and fall, gradients that shrink."""
    rng = np.random.default_rng(seed)
    at = np.linspace(0, 1, n)
    run = {
        "loss": (0.4 + 0.8 * np.exp(-4 * at)) * rng.lognormal(0, 0.3, n),
        "grad_norm": (4 + 6 * np.exp(-4 * at)) * rng.lognormal(0, 0.4, n),
        "n_pool": rng.integers(60, 97, n),
        "positive_mean": 0.5 + 0.05 * at + rng.normal(0, 0.02, n),
        "negative_mean": 0.1 - 0.05 * at + rng.normal(0, 0.01, n),
        "share_above": (0.01 - 0.004 * at) * rng.lognormal(0, 0.3, n),
        "mask_rate": np.zeros(n),
    }
    run |= figures
    rows = [
        {"step": step, **{name: float(values[step - 1]) for name, values in run.items()}} for step in range(1, n + 1)
    ]
    for step, (cosine, above) in {0: (0.34, 1.0), n // 2: (0.27, 0.72), n - 1: (0.26, 0.59)}.items():
        rows[step] |= {"conflict": cosine, "suspects_above": above}
    return rows


def codes(records):
    return [finding.code for finding in symptoms(records, SETTINGS)]


@pytest.mark.parametrize("n", [1, 5, MIN_STEPS, 47, 100, 1000])
def test_healthy_runs_are_passed_over_in_silence(n):
    for seed in range(40):
        assert codes(healthy(n, seed)) == []


def test_a_run_of_a_strong_model_that_has_nothing_left_to_learn_is_healthy():
    for seed in range(40):
        flat = 0.3 * np.random.default_rng(seed).lognormal(0, 0.3, 60)
        assert codes(healthy(60, seed, loss=flat)) == []


def test_runs_too_short_to_tell_are_passed_over_however_they_look():
    n = MIN_STEPS - 1
    bad = {"loss": np.linspace(1, 50, n), "share_above": np.full(n, 0.5), "mask_rate": np.full(n, 0.9)}
    records = healthy(n, **bad)
    for record in records:
        record["conflict"] = 0.99
    assert codes(records) == []


def test_a_loss_that_stays_at_chance_is_a_plateau_and_names_the_rate():
    n = 90
    noise = np.random.default_rng(0).lognormal(0, 0.05, n)
    records = healthy(n, loss=math.log(80) * noise, share_above=np.linspace(0.5, 0.12, n))
    (finding,) = symptoms(records, SETTINGS)
    assert (finding.code, finding.severity, finding.count) == ("HN030", "warning", n)
    assert "raise learning_rate," in finding.remedy
    (finding,) = symptoms([{**each, "learning_rate": 2e-5 * each["step"] / n} for each in records], SETTINGS)
    assert "raise learning_rate (now 2e-05)," in finding.remedy


def test_a_record_without_shares_is_compared_with_the_loss_of_guessing():
    stuck, learned = (healthy(90, loss=np.full(90, part * math.log(96))) for part in (0.9, 0.2))
    for record in [*stuck, *learned]:
        del record["share_above"]
    assert codes(stuck) == ["HN030"]
    assert codes(learned) == []


@pytest.mark.parametrize("n", [MIN_STEPS, 47, 300])
def test_a_loss_that_falls_and_then_rises_for_good_diverges(n):
    at = np.linspace(0, 1, n)
    loss = (1 - 1.2 * at + 2.4 * np.maximum(0, at - 0.5)) * np.random.default_rng(0).lognormal(0, 0.1, n)
    assert codes(healthy(n, loss=loss)) == ["HN031"]


def test_a_bump_that_is_overcome_is_no_divergence():
    loss = np.concatenate([np.linspace(1, 0.5, 40), np.full(10, 3.0), np.linspace(0.5, 0.3, 40)])
    assert codes(healthy(90, loss=loss)) == []


def test_a_gradient_that_explodes_is_a_divergence_and_one_outlier_is_none():
    growing = healthy(60, grad_norm=np.geomspace(1, 1000, 60))
    (finding,) = symptoms(growing, SETTINGS)
    assert finding.code == "HN031"
    assert "length of the gradient" in finding.detail
    spike = np.full(60, 5.0)
    spike[40] = 1e6
    assert codes(healthy(60, grad_norm=spike)) == []


def test_a_loss_that_is_no_number_is_a_divergence_in_the_shortest_run():
    (finding,) = symptoms([{"step": 1, "loss": 1.0, "grad_norm": 2.0}, {"step": 2, "loss": None}], SETTINGS)
    assert (finding.code, finding.severity, finding.examples) == ("HN031", "error", ("step 2",))


def test_negatives_that_stay_above_their_positive_are_found_and_those_that_sink_are_not():
    stays, sinks = np.full(60, 0.2), np.geomspace(0.5, 0.11, 60)
    assert codes(healthy(60, share_above=stays)) == ["HN032"]
    assert codes(healthy(60, share_above=sinks)) == []


def probed(cosines, above):
    records = healthy(60)
    for at, cosine, share in zip((0, 30, 59), cosines, above, strict=True):
        records[at] |= {"conflict": cosine, "suspects_above": share}
    return records


def test_suspects_that_stay_above_after_training_are_found():
    (finding,) = symptoms(probed((0.34, 0.3, 0.26), (1.0, 0.95, 0.9)), SETTINGS)
    assert finding.code == "HN032"
    assert "90% of the hardest mined negatives" in finding.detail
    assert "of all negatives" not in finding.detail


@pytest.mark.parametrize("loss", [KL(), MarginMSE(), WeightedSum((KL(), MarginMSE()), (1.0, 1.0))], ids=repr)
def test_what_a_teacher_alone_puts_above_the_positive_is_no_symptom(loss):
    records = healthy(60, share_above=np.full(60, 0.4))
    for record in records:
        record.update({"conflict": 0.9, "suspects_above": 1.0} if "conflict" in record else {})
    of_labels = {finding.code for finding in symptoms(records, SETTINGS)}
    mixed = TrainSettings(loss=WeightedSum((InfoNCE(), loss), (1.0, 0.2)))
    assert {finding.code for finding in symptoms(records, mixed)} == of_labels == {"HN032", "HN035"}
    assert symptoms(records, TrainSettings(loss=loss)) == []


@pytest.mark.parametrize(
    ("cosines", "found"), [((0.46, 0.43, 0.43), True), ((0.7, 0.6, 0.5), False), ((0.3, 0.3, 0.3), False)]
)
def test_a_conflict_that_is_high_and_does_not_fall_is_found(cosines, found):
    findings = symptoms(probed(cosines, (1.0, 0.7, 0.6)), SETTINGS)
    assert [finding.code for finding in findings] == ["HN035"] * found
    if found:
        assert findings[0].examples == ("step 1: 0.46", "step 31: 0.43", "step 60: 0.43")


def test_means_that_converge_are_a_collapse():
    records = healthy(60, positive_mean=np.linspace(0.6, 0.31, 60), negative_mean=np.linspace(0.1, 0.3, 60))
    (finding,) = symptoms(records, SETTINGS)
    assert (finding.code, finding.severity) == ("HN033", "error")


def test_scores_that_are_all_one_are_a_collapse_and_large_dot_products_are_not():
    alike = healthy(60, positive_mean=np.full(60, 0.99), negative_mean=np.full(60, 0.98))
    assert codes(alike) == ["HN033"]
    assert codes(healthy(60, positive_mean=np.full(60, 80.0), negative_mean=np.full(60, 60.0))) == []


@pytest.mark.parametrize(
    ("rate", "title"),
    [(np.full(60, 0.4), "the mask takes many negatives"), (np.linspace(0, 0.15, 60), "the mask takes ever more")],
)
def test_a_mask_that_takes_much_or_ever_more_is_found(rate, title):
    (finding,) = symptoms(healthy(60, mask_rate=rate), SETTINGS)
    assert finding.code == "HN034"
    assert finding.title.startswith(title)


def test_a_mask_that_takes_a_few_is_not_found():
    assert codes(healthy(60, mask_rate=np.random.default_rng(0).uniform(0, 0.03, 60))) == []


def test_a_trend_is_the_medians_of_the_first_and_last_third_and_ignores_gaps():
    values = series([{"loss": v} for v in (1.0, None, math.nan, 2.0)] + [{}], "loss")
    assert values.tolist() == [1.0, 2.0]
    assert trend(values) is None
    found = trend(np.arange(60.0))
    assert (found.early, found.late, found.n) == (9.5, 49.5, 60)
    assert found.p_rise < 1e-6 < found.p_fall


def test_errors_come_first_then_codes():
    records = healthy(60, mask_rate=np.full(60, 0.5), share_above=np.full(60, 0.3), grad_norm=np.geomspace(1, 1e4, 60))
    assert codes(records) == ["HN031", "HN032", "HN034"]
    assert [finding.severity for finding in symptoms(records, SETTINGS)] == ["error", "warning", "warning"]


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    toy = toy_dataset()
    return build_tiny_model(tmp_path_factory.mktemp("start"), [*toy.query_texts, *toy.document_texts])


LONG = {"batch_size": 8, "epochs": 9, "learning_rate": 1e-3, "precision": "fp32", "negatives_per_row": 2}


class StopAt:
    """A display that interrupts its process once so many pairs are done."""

    def __init__(self, pairs):
        self.left = pairs

    def task(self, description, *, total, unit):
        return self

    def __enter__(self):
        return self.advance

    def __exit__(self, *exception):
        return None

    def advance(self, pairs):
        import signal

        self.left -= pairs
        if self.left <= 0 < self.left + pairs:
            signal.raise_signal(signal.SIGINT)


def test_a_run_records_and_reports_and_can_be_asked_again(start, tmp_path):
    settings = TrainSettings(**LONG)
    trained = train(start, toy_dataset(), toy_negatives(), settings=settings, out=tmp_path / "run")
    folder = TrainingFolder(tmp_path / "run")
    records = folder.records()
    assert len(records) == trained.n_steps >= MIN_STEPS
    assert [r["step"] for r in records if "conflict" in r] == [1, trained.n_steps // 2 + 1, trained.n_steps]
    assert trained.findings == folder.findings() == tuple(symptoms(records, settings))
    assert json.loads((tmp_path / "run" / "findings.json").read_text()) == [
        vars(f) | {"examples": list(f.examples)} for f in trained.findings
    ]
    assert train(start, toy_dataset(), toy_negatives(), settings=settings, out=tmp_path / "run") == trained


@pytest.mark.parametrize("dropout", [False, True])
def test_probes_do_not_move_the_weights_and_survive_a_stop(start, tmp_path, monkeypatch, dropout):
    settings = TrainSettings(**LONG, dropout=dropout)
    whole = train(start, toy_dataset(), toy_negatives(), settings=settings, out=tmp_path / "whole")
    with showing(StopAt(150)), pytest.raises(Interrupted):
        train(start, toy_dataset(), toy_negatives(), settings=settings, out=tmp_path / "stopped")
    assert (tmp_path / "stopped" / "findings.json").exists()
    resumed = train(start, toy_dataset(), toy_negatives(), settings=settings, out=tmp_path / "stopped")
    monkeypatch.setattr("hardneg.training.loop.choose_probe", lambda *_, **__: None)
    blind = train(start, toy_dataset(), toy_negatives(), settings=settings, out=tmp_path / "blind")
    bytes_of = [(one.path / "model.safetensors").read_bytes() for one in (whole, resumed, blind)]
    assert bytes_of[0] == bytes_of[1] == bytes_of[2]
    probes = [
        [(r["step"], r["conflict"]) for r in TrainingFolder(tmp_path / name).records() if "conflict" in r]
        for name in ("whole", "stopped", "blind")
    ]
    assert probes[0] == probes[1]
    assert len(probes[0]) == 3
    assert probes[2] == []


def test_a_loss_that_is_no_number_leaves_the_finding_behind(start, tmp_path, monkeypatch):
    forward, calls = TwoTowers.forward, 0

    def broken(self, queries, documents):
        nonlocal calls
        calls += 1
        found = forward(self, queries, documents)
        return (found[0] * math.nan, found[1]) if calls == 3 else found

    monkeypatch.setattr(TwoTowers, "forward", broken)
    with pytest.raises(RunError, match="diverged"):
        train(start, toy_dataset(), settings=TrainSettings(**LONG | {"epochs": 1}), out=tmp_path / "run")
    (finding,) = TrainingFolder(tmp_path / "run").findings()
    assert (finding.code, finding.examples) == ("HN031", ("step 3",))
    assert len(TrainingFolder(tmp_path / "run").records()) == 2
