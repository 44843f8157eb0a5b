"""Refresh, replacement and clusters in two processes that talk over gloo: one mines, both read what it found."""

import json

import pytest

import refreshing_cases
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan, mine_block
from hardneg.sources import Dense
from hardneg.training.loop import train
from process_group import run_in_processes
from refreshing_cases import CLUSTERED
from tiny_model import build_tiny_model
from toy import toy_dataset


def run_in_two_processes(target, *arguments, out):
    """Returns what each process wrote down; both must end well."""
    run_in_processes(2, target, *arguments, out, seconds=120)
    return [(out / f"{rank}.txt").read_text() for rank in range(2)]


def test_both_processes_train_on_what_the_first_has_mined(tmp_path):
    dataset = toy_dataset()
    start = build_tiny_model(tmp_path, [*dataset.query_texts, *dataset.document_texts])
    plan = Plan("train", (Dense(model=start, precision="fp32"),), (), Selection(per_query=5), depth=8)
    mine_block(dataset, dataset.queries_of("train"), plan)[1].write_parquet(tmp_path / "mined.parquet")
    first, second = run_in_two_processes(refreshing_cases.refreshed, start, tmp_path / "mined.parquet", out=tmp_path)
    assert first == second
    assert "(1, 'rescore'," in first
    assert "(2, 'mine'," in first
    looks = [json.loads(line)["step"] for line in (tmp_path / "run" / "replacement.jsonl").read_text().splitlines()]
    assert looks == list(range(1, len(looks) + 1))


def test_two_processes_cluster_as_one_does(tmp_path):
    dataset = toy_dataset()
    start = build_tiny_model(tmp_path, [*dataset.query_texts, *dataset.document_texts])
    alone = train(start, dataset, settings=CLUSTERED, out=tmp_path / "alone")
    first, second = run_in_two_processes(refreshing_cases.clustered, start, out=tmp_path)
    assert first == second
    assert float(first) == pytest.approx(alone.loss, rel=1e-3)
