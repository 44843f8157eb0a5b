"""Training in processes that talk over gloo, against the same global batches in one process."""

import json
from dataclasses import astuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

import process_cases
from hardneg.training.passes.gather import deal
from process_group import run_in_processes
from tiny_model import build_tiny_model
from toy import toy_dataset


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    dataset = toy_dataset()
    return build_tiny_model(tmp_path_factory.mktemp("start"), [*dataset.query_texts, *dataset.document_texts])


@pytest.fixture(scope="module")
def in_one_process(start, tmp_path_factory):
    out = tmp_path_factory.mktemp("one") / "run"
    return process_cases.train_whole_run(start, out).loss, process_cases.measure_all(start), out


@pytest.mark.parametrize("n_processes", [2, 4])
def test_processes_measure_and_learn_what_one_process_does_with_the_global_batch(
    start, in_one_process, tmp_path, n_processes
):
    run_in_processes(n_processes, process_cases.work, n_processes, start, tmp_path)
    before = weights(start)
    loss, expected, out = in_one_process
    for rank in range(n_processes):
        final_loss, found, *_ = torch.load(tmp_path / f"{rank}.pt", weights_only=False)
        assert final_loss == pytest.approx(loss, rel=1e-4)
        for name, (steps, moved_to, n_exchanges) in found.items():
            assert n_exchanges == 1, name
            for step, right in zip(steps, expected[name][0], strict=True):
                assert astuple(step) == pytest.approx(astuple(right), rel=1e-5, nan_ok=True), name
            assert (moved_to - expected[name][1]).norm() < 1e-5 * (expected[name][1] - before).norm(), name
    for one, several in zip(curve(out), curve(tmp_path / "run"), strict=True):
        assert several | {"seconds": 0} == pytest.approx(one | {"seconds": 0}, rel=1e-4)
    # Adam makes steps of a full size out of gradients that are zero but for rounding: the whole move is compared.
    moves = [weights(folder / "model") - before for folder in (out, tmp_path / "run")]
    assert (moves[1] - moves[0]).norm() < 1e-2 * moves[0].norm()
    assert {path.name for path in (tmp_path / "run").iterdir()} == {path.name for path in out.iterdir()}
    if n_processes == 2:
        check_that_all_went_over_at_once(tmp_path)
        check_that_all_stopped_at_one_look(tmp_path, start)


def check_that_all_went_over_at_once(folder):
    """A miner beside the group: its round comes into force in all processes at the same step, so losses agree."""
    told = [torch.load(folder / f"{rank}.pt", weights_only=False)[2] for rank in range(2)]
    assert told[0] == told[1]
    first = told[0][1][0]
    assert (first.step, first.lag, first.problem) == (3, 1, None)


def check_that_all_stopped_at_one_look(folder, start):
    """One process looks, all know what it saw: they end at the same step, and the model of the best look is kept."""
    watched = [torch.load(folder / f"{rank}.pt", weights_only=False)[3] for rank in range(2)]
    assert watched[0] == watched[1]
    alone = process_cases.train_watched(start, folder / "alone")
    assert watched[0].stopped == alone.stopped is True
    assert [(look.step, look.best) for look in watched[0].looks] == [(look.step, look.best) for look in alone.looks]
    assert [look.value for look in watched[0].looks] == pytest.approx([look.value for look in alone.looks], rel=1e-3)
    moves = [weights(folder / name / "model") - weights(start) for name in ("alone", "watched")]
    assert (moves[1] - moves[0]).norm() <= 1e-2 * moves[0].norm()


def weights(folder):
    model = SentenceTransformer(str(folder), device="cpu")
    return torch.cat([value.detach().reshape(-1) for _, value in sorted(model.named_parameters())])


def curve(folder):
    return [json.loads(line) for line in (folder / "loss.jsonl").read_text().splitlines()]


@given(st.lists(st.text(max_size=9), min_size=1, max_size=12), st.integers(1, 5))
def test_every_text_is_dealt_once_and_repeats_bring_no_gradient(texts, n_processes):
    deals = [deal(texts, process=process, n_processes=n_processes) for process in range(n_processes)]
    assert len({len(dealt.own) for dealt in deals}) == 1
    gradient = torch.arange(1.0, len(texts) + 1).unsqueeze(1)
    total = np.zeros(len(texts))
    for dealt in deals:
        np.add.at(total, dealt.own, dealt.share(gradient).squeeze(1).numpy())
    assert total.tolist() == gradient.squeeze(1).tolist()
