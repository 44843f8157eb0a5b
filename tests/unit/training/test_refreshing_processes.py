"""Refresh, replacement and clusters in two processes that talk over gloo: one mines, both read what it found."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan, mine_block
from hardneg.sources import Dense
from hardneg.training.loop import train
from hardneg.training.refresh.settings import Refresh
from hardneg.training.settings import TrainSettings
from tiny_model import build_tiny_model
from toy import toy_dataset

PROGRAM = """
import sys
import polars as pl
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.sources import Dense
from hardneg.training.loop import train
from hardneg.training.refresh.settings import Refresh
from hardneg.training.sampling.replacement import Replacement
from hardneg.training.settings import TrainSettings
from toy import toy_dataset

toy, start = toy_dataset(), sys.argv[1]
plan = Plan("train", (Dense(model=start, precision="fp32"),), (), Selection(per_query=5), depth=8)
settings = TrainSettings(
    batch_size=8,
    learning_rate=5e-3,
    precision="fp32",
    negatives_per_row=2,
    refresh=Refresh(every=2, rescore_every=1),
    replacement=Replacement(every=1, factor=1.01),
)
trained = train(start, toy, pl.read_parquet(sys.argv[3]), settings=settings, plan=plan, out=sys.argv[2])
print(trained.loss, [(each.step, each.work, each.overlap) for each in trained.refreshes])
"""


CLUSTERED = """
import sys
from hardneg.training.loop import train
from hardneg.training.refresh.settings import Refresh
from hardneg.training.settings import TrainSettings
from toy import toy_dataset

settings = TrainSettings(
    batch_size=8,
    epochs=2,
    learning_rate=5e-3,
    precision="fp32",
    clusters="greedy(neighbours=4)",
    refresh=Refresh(every=3),
)
trained = train(sys.argv[1], toy_dataset(), settings=settings, out=sys.argv[2])
print(trained.loss)
"""


def run_in_two_processes(*arguments, program=PROGRAM):
    """Returns what each process printed; both must end well."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true"}
    shared |= {"OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}
    shared |= {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    with TemporaryFile("w+") as errors:
        running = [
            subprocess.Popen(
                [sys.executable, "-c", program, *map(str, arguments)],
                env=os.environ | shared | {"RANK": rank, "LOCAL_RANK": rank},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
            for rank in "01"
        ]
        deadline = time.monotonic() + 120
        while any(process.poll() is None for process in running):
            if any(process.poll() for process in running) or time.monotonic() > deadline:
                for process in running:  # one that is alone waits for the other without end
                    process.kill()
            time.sleep(0.1)
        printed = [process.communicate()[0] for process in running]
        errors.seek(0)
        assert [process.returncode for process in running] == [0, 0], errors.read()
    return printed


def test_both_processes_train_on_what_the_first_has_mined(tmp_path):
    dataset = toy_dataset()
    start = build_tiny_model(tmp_path, [*dataset.query_texts, *dataset.document_texts])
    plan = Plan("train", (Dense(model=start, precision="fp32"),), (), Selection(per_query=5), depth=8)
    mine_block(dataset, dataset.queries_of("train"), plan)[1].write_parquet(tmp_path / "mined.parquet")
    first, second = run_in_two_processes(start, tmp_path / "run", tmp_path / "mined.parquet")
    assert first == second
    assert "(1, 'rescore'," in first
    assert "(2, 'mine'," in first
    looks = [json.loads(line)["step"] for line in (tmp_path / "run" / "replacement.jsonl").read_text().splitlines()]
    assert looks == list(range(1, len(looks) + 1))


def test_two_processes_cluster_as_one_does(tmp_path):
    dataset = toy_dataset()
    start = build_tiny_model(tmp_path, [*dataset.query_texts, *dataset.document_texts])
    settings = TrainSettings(
        batch_size=8,
        epochs=2,
        learning_rate=5e-3,
        precision="fp32",
        clusters="greedy(neighbours=4)",
        refresh=Refresh(every=3),
    )
    alone = train(start, dataset, settings=settings, out=tmp_path / "alone")
    first, second = run_in_two_processes(start, tmp_path / "run", program=CLUSTERED)
    assert first == second
    assert float(first) == pytest.approx(alone.loss, rel=1e-3)
