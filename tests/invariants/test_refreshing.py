"""What must hold of a run that renews its negatives: as if mined by hand, and the same also after a stop."""

import io
import json
import shutil
import time
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal
from sentence_transformers import SentenceTransformer

from crashing_source import Crashing
from hardneg.errors import Interrupted, RunError
from hardneg.filters import PositivePercentile
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan, mine_block
from hardneg.pipeline.mining import mine_plan
from hardneg.planting.fitting import Rehearsal, fit_filters
from hardneg.progress import showing
from hardneg.sources import BM25, Dense
from hardneg.training.loop import train
from hardneg.training.pool.settings import Queue
from hardneg.training.refresh import scheduler
from hardneg.training.refresh.settings import Refresh
from hardneg.training.refresh.store import Rounds
from hardneg.training.sampling.curriculum import Curriculum
from hardneg.training.settings import TrainSettings
from stopping import StopAfter, weights
from tiny_model import build_tiny_model
from toy import toy_dataset

SETTINGS = {"batch_size": 8, "epochs": 3, "learning_rate": 5e-3, "precision": "fp32", "negatives_per_row": 2}


@pytest.fixture(scope="module")
def toy():
    return toy_dataset()


@pytest.fixture(scope="module")
def start(tmp_path_factory, toy):
    return build_tiny_model(tmp_path_factory.mktemp("start"), [*toy.query_texts, *toy.document_texts])


@pytest.fixture(scope="module")
def plan(start):
    sources = (BM25(analyzer="plain"), Dense(model=start, precision="fp32"))
    return Plan("train", sources, (), Selection(per_query=5, quotas={"bm25": 2, "dense": 3}), depth=8)


@pytest.fixture(scope="module")
def mined(toy, plan):
    return mine_block(toy, toy.queries_of("train"), plan)[1]


def lines(path, name):
    return [json.loads(line) for line in (path / f"{name}.jsonl").read_text().splitlines()]


def figures(path):
    """The records of a run, without what a clock decides."""
    clock = dict.fromkeys(("seconds", "waited", "share"), 0)
    return [line | clock for name in ("loss", "refresh") for line in lines(path, name)]


def test_each_round_is_what_mining_by_hand_with_those_weights_gives(toy, start, plan, mined, tmp_path, monkeypatch):
    kept = []

    def watched(job, *, number, before):
        shutil.copytree(job.rounds.model(number), tmp_path / f"weights-{number}")
        report = plain(job, number=number, before=before)
        kept.append(job.rounds.read(number))
        return report

    plain = scheduler.mine_round
    monkeypatch.setattr(scheduler, "mine_round", watched)
    settings = TrainSettings(**SETTINGS, refresh=Refresh(every=4))
    trained = train(start, toy, mined, settings=settings, plan=plan, out=tmp_path / "run")
    steps = [record.step for record in trained.refreshes]
    assert steps == list(range(4, trained.n_steps, 4))
    assert len(steps) >= 2
    before = mined
    for record, table in zip(trained.refreshes, kept, strict=True):
        now = Dense(model=tmp_path / f"weights-{record.step}", precision="fp32")
        by_hand = Plan("train", (plan.sources[0], now), (), plan.select, depth=plan.depth)
        assert_frame_equal(table, mine_block(toy, toy.queries_of("train"), by_hand)[1])
        shared = len(set(table.select("query", "document").rows()) & set(before.select("query", "document").rows()))
        assert record.overlap == pytest.approx(shared / table.height)
        assert (record.lag, record.work, record.problem) == (0, "mine", None)
        assert record.waited > 0
        assert 0 < record.share < 1
        before = table
    assert any(record.overlap < 1 for record in trained.refreshes)
    assert not (tmp_path / "run" / "refresh").exists()
    assert trained == train(start, toy, mined, settings=settings, plan=plan, out=tmp_path / "run")


def test_steps_after_a_refresh_train_on_its_negatives_and_those_before_do_not(toy, start, plan, mined, tmp_path):
    refreshed, plain = (
        train(start, toy, mined, settings=TrainSettings(**SETTINGS, refresh=each), plan=plan, out=tmp_path / name)
        for name, each in (("refreshed", Refresh(every=4)), ("plain", None))
    )
    losses = [[line["loss"] for line in lines(run.path.parent, "loss")] for run in (refreshed, plain)]
    assert losses[0][:4] == losses[1][:4]
    assert losses[0][4:] != losses[1][4:]


def test_a_refresh_empties_the_queue(toy, start, plan, mined, tmp_path):
    settings = TrainSettings(**SETTINGS, refresh=Refresh(every=4), queue=Queue(size=1_000))
    train(start, toy, mined, settings=settings, plan=plan, out=tmp_path)
    pools = [line["n_pool"] for line in lines(tmp_path, "loss")]
    assert pools[3] > 2 * 8 * 3 >= pools[4]


@pytest.mark.parametrize(
    "refresh",
    [
        Refresh(every=1, unit="epochs"),
        Refresh(every=4, mode="rescore"),
        Refresh(every=8, rescore_every=4),
    ],
    ids=["sync", "rescore", "both"],
)
def test_a_run_that_was_stopped_ends_with_the_bytes_of_one_that_was_not(toy, start, plan, mined, tmp_path, refresh):
    curriculum = Curriculum(shares={"bm25": (1.0, 0.0), "dense": (0.0, 1.0)}, window=((0.0, 0.5), (0.5, 1.0)))
    settings = TrainSettings(**SETTINGS, refresh=refresh, curriculum=curriculum, checkpoint_every=2, dropout=True)
    whole = train(start, toy, mined, settings=settings, plan=plan, out=tmp_path / "whole")
    assert len(whole.refreshes) >= 2
    for pairs in (34, 62):
        with showing(StopAfter(pairs)), pytest.raises(Interrupted):
            train(start, toy, mined, settings=settings, plan=plan, out=tmp_path / "stopped")
        torch.manual_seed(99)
    train(start, toy, mined, settings=settings, plan=plan, out=tmp_path / "stopped")
    assert figures(tmp_path / "stopped") == figures(tmp_path / "whole")
    assert weights(tmp_path / "stopped") == weights(tmp_path / "whole")


def test_a_crash_after_a_refresh_that_no_checkpoint_has_seen_goes_back_to_the_negatives_before(
    toy, start, plan, mined, tmp_path, monkeypatch
):
    settings = TrainSettings(**SETTINGS, refresh=Refresh(every=4), checkpoint_every=7)
    train(start, toy, mined, settings=settings, plan=plan, out=tmp_path / "whole")
    rounds, served = Rounds(tmp_path / "crashed"), scheduler.serve

    def crash_at_the_second(*arguments, **options):
        if len(rounds.records()) == 2:
            raise OSError("power cut")
        return served(*arguments, **options)

    monkeypatch.setattr(scheduler, "serve", crash_at_the_second)
    with pytest.raises(OSError, match="power"):
        train(start, toy, mined, settings=settings, plan=plan, out=tmp_path / "crashed")
    assert [record.step for record in rounds.records()] == [4, 8]
    monkeypatch.undo()
    train(start, toy, mined, settings=settings, plan=plan, out=tmp_path / "crashed")
    assert figures(tmp_path / "crashed") == figures(tmp_path / "whole")
    assert weights(tmp_path / "crashed") == weights(tmp_path / "whole")


def test_a_model_cut_short_in_training_mines_at_its_own_length(toy, start, plan, mined, tmp_path, monkeypatch):
    lengths = []

    def watched(job, *, number, before):
        lengths.append(SentenceTransformer(str(job.rounds.model(number)), device="cpu").max_seq_length)
        return plain(job, number=number, before=before)

    plain = scheduler.mine_round
    monkeypatch.setattr(scheduler, "mine_round", watched)
    settings = TrainSettings(**SETTINGS | {"epochs": 1}, refresh=Refresh(every=3), max_tokens=8)
    train(start, toy, mined, settings=settings, plan=plan, out=tmp_path / "run")
    assert lengths == [64]


def test_what_a_refresh_needs_is_asked_for_before_any_work(toy, start, plan, mined, tmp_path):
    settings = TrainSettings(**SETTINGS, refresh=Refresh(every=4))
    with pytest.raises(RunError, match="plan that they were mined with"):
        train(start, toy, mined, settings=settings, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_another_plan_is_another_run(toy, start, plan, mined, tmp_path):
    settings = TrainSettings(**SETTINGS, refresh=Refresh(every=4))
    train(start, toy, mined, settings=settings, plan=plan, out=tmp_path / "run")
    other = Plan("train", plan.sources, (), plan.select, depth=7)
    with pytest.raises(RunError, match="other inputs: plan"):
        train(start, toy, mined, settings=settings, plan=other, out=tmp_path / "run")


class WaitForTheMiner:
    """A display that holds training up until a round is there, and has the miner crash at the next."""

    def __init__(self, rounds, miners, crash):
        self.rounds, self.miners, self.crash, self.steps = rounds, miners, crash, 0

    def task(self, description, *, total, unit):
        return nullcontext(self.advance if description == "training" else lambda _: None)

    def advance(self, pairs):
        self.steps += pairs > 0
        if self.steps == 4:  # asked for after 3 steps, and 1 more has gone by
            until(lambda: self.rounds.is_there(3))
            self.crash.touch()
        if self.steps == 7:
            until(lambda: self.miners[-1].ended)


def until(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_second_process_mines_while_training_goes_on_and_its_death_is_survived(
    toy, start, plan, mined, miners, tmp_path
):
    crash = tmp_path / "crash"
    sources = (*plan.sources, Crashing(str(crash)))
    with_crash = Plan("train", sources, (), Selection(per_query=5), depth=8)
    settings = TrainSettings(**SETTINGS | {"epochs": 2}, refresh=Refresh(every=3, mode="async"))
    display = WaitForTheMiner(Rounds(tmp_path / "run"), miners, crash)
    with showing(display):
        trained = train(start, toy, mined, settings=settings, plan=with_crash, out=tmp_path / "run")
    good, bad = trained.refreshes[0], trained.refreshes[1]
    assert (good.step, good.lag, good.problem) == (4, 1, None)
    assert 0 <= good.overlap <= 1
    assert (bad.work, bad.lag) == ("mine", bad.step - 6)
    assert "status 3" in bad.problem
    assert "crashed on purpose" in bad.problem
    assert [finding.code for finding in trained.findings] == ["HN036"]
    assert not (tmp_path / "run" / "refresh").exists()


@pytest.mark.parametrize("mode", ["sync", "rescore"])
def test_a_percentile_of_the_positives_is_fitted_anew_on_the_scores_of_each_round(
    toy, start, plan, tmp_path, monkeypatch, mode
):
    by_percentile = replace(plan, filters=(PositivePercentile(score="dense", percentile=40),))
    first = mine_plan(toy, by_percentile, out=tmp_path / "mined")
    kept = []

    def watched(job, *, number, **options):
        shutil.copytree(job.rounds.model(number), tmp_path / f"weights-{number}")
        report = plain(job, number=number, **options)
        kept.append((number, job.rounds.read(number), job.rounds.fitted(number, "positive_percentile-0").read_bytes()))
        return report

    made_by = "rescore_round" if mode == "rescore" else "mine_round"
    plain = getattr(scheduler, made_by)
    monkeypatch.setattr(scheduler, made_by, watched)
    settings = TrainSettings(**SETTINGS, refresh=Refresh(every=4, mode=mode))
    train(start, toy, first.negatives, settings=settings, plan=first.plan, out=tmp_path / "run")
    assert len(kept) >= 2
    before = (tmp_path / "mined" / "filters" / "positive_percentile-0.npz").read_bytes()
    for number, table, fitted in kept:
        now = Dense(model=tmp_path / f"weights-{number}", precision="fp32")
        if mode == "sync":
            by_hand = fit_filters(
                replace(by_percentile, sources=(plan.sources[0], now)), toy, tmp_path / f"by-{number}"
            )
            assert_frame_equal(table, mine_block(toy, toy.queries_of("train"), by_hand)[1])
            path = tmp_path / f"by-{number}" / "positive_percentile-0.npz"
        else:
            rows = Rehearsal(plan, toy).positives()
            score = now.score(toy, rows["query"].to_numpy(), rows["document"].to_numpy())
            path = tmp_path / "scored-anew.npz"
            by_percentile.filters[0].refit(rows.with_columns(pl.Series("score.dense", score)), path)
        assert fitted != before
        assert bound_in(io.BytesIO(fitted)) == pytest.approx(bound_in(path), rel=1e-6)


def bound_in(file):
    with np.load(file) as arrays:
        return float(arrays["quantile"])
