import datetime
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.engines import sent_tables
from hardneg.engines.sent_tables import SentTables, unpacked
from hardneg.errors import RunError
from hardneg.filters import Empty, KnownPositives, Learned, NearDuplicate, QueryItself, SharedValue
from hardneg.negatives.ahead import make_once
from hardneg.negatives.plan import Plan
from hardneg.negatives.selection import Selection
from hardneg.pipeline.mining_blocks import MiningBlocks
from hardneg.sources import Random, Related

N = 60
VALUES = {
    "text": [None if i % 7 == 0 else "täxt " * i for i in range(N)],
    "list": [["a", None], []] * (N // 2),
    "struct": [{"p": 1, "q": "z"}] * N,
    "time": [datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)] * N,
    "truth": [True, None] * (N // 2),
    "nothing": [None] * N,
    "category": pl.Series(["x", "y"] * (N // 2), dtype=pl.Categorical),
    "named": pl.Series(["x", "y"] * (N // 2), dtype=pl.Enum(["y", "x"])),
    "small": pl.Series([1] * N, dtype=pl.UInt8),
    "money": pl.Series(["1.25"] * N).cast(pl.Decimal(10, 2)),
    "array": pl.Series([[1, 2]] * N, dtype=pl.Array(pl.Int16, 2)),
    "large": pl.Series([2**70] * N, dtype=pl.Int128),  # which Arrow has no type for: sent as it is
}


@dataclass(frozen=True)
class Holding:
    """A work that holds something."""

    value: object

    def do(self, number):
        """Do nothing."""


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.setattr(sent_tables, "LEAST", 1)
    made = SentTables.made()
    yield made
    made.remove()
    assert not made.folder.exists()


def received(tables, value):
    return unpacked(tables.pack(Holding(value))).value


def mapped_files():
    return Path("/proc/self/maps").read_text()


@pytest.mark.parametrize("name", VALUES)
def test_a_column_is_read_as_it_was(tables, name):
    column = pl.Series(name, VALUES[name])
    read = received(tables, column)
    assert read.name == name
    assert read.dtype == column.dtype
    assert read.equals(column, null_equal=True)
    if name in ("text", "list", "struct", "array"):
        assert str(tables.folder) in mapped_files()


def test_a_table_is_read_as_it_was_in_one_piece_and_is_sent_once(tables):
    part = pl.DataFrame({name: pl.Series(values) for name, values in VALUES.items() if name != "large"})
    table = pl.concat([part, part[:9]], rechunk=False)
    first, again, some = received(tables, (table, table, table[5:8]))
    assert first is again
    assert first.equals(table)
    assert first.n_chunks() == 1 < table.n_chunks()
    assert first.schema == table.schema
    assert some.equals(table[5:8])
    n_files = len(list(tables.folder.glob("0*")))
    assert received(tables, table).equals(table)
    assert len(list(tables.folder.glob("0*"))) == n_files == 2
    tables.forget()
    assert len(list(tables.folder.glob("0*"))) == 1


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4),
        np.arange(12).reshape(3, 4).T,
        np.arange(12, dtype=np.int16)[::2],
        np.array(["a", "bc"]),
        np.array(["a", None], dtype=object),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array(3.0),
        np.empty(0, np.int32),
    ],
)
def test_an_array_is_read_as_it_was(tables, array):
    read = received(tables, array)
    assert type(read) is np.ndarray
    assert read.dtype == array.dtype
    assert read.shape == array.shape
    assert (read == array).all()


def test_what_is_gone_is_not_taken_for_what_took_its_place(tables):
    for number in range(200):  # of which many lie where those before lay
        assert received(tables, np.full(9, number)).tolist() == [number] * 9
    assert len(list(tables.folder.glob("0*"))) == 200
    tables.forget()
    assert not list(tables.folder.glob("0*"))


@pytest.mark.parametrize("value", [np.arange(9), pl.Series(["a", "b"])])
def test_a_machine_that_does_not_see_the_files_is_named_with_what_to_set(tables, value):
    packed = tables.pack(Holding(value))
    for path in tables.folder.glob("0*"):
        path.unlink()
    with pytest.raises(RunError, match=r"ray: a worker on .* cannot read .*/works/.*set HARDNEG_CACHE to a folder"):
        unpacked(packed)


def test_what_is_small_is_sent_as_it_is():
    made = SentTables.made()
    assert received(made, np.arange(9)).tolist() == list(range(9))
    assert not list(made.folder.glob("0*"))
    made.remove()


def test_files_of_a_dead_process_go_and_those_of_a_living_one_stay():
    start = "import sys, hardneg.engines.sent_tables as s; t = s.SentTables.made(); print(t.folder, flush=True)"
    living = SentTables.made()
    ended = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=True, env=os.environ)
    old = Path(ended.stdout.strip())
    assert old.exists()
    assert old.parent == living.folder.parent
    elsewhere = old.rename(old.with_name("another-machine-1234"))  # whose locks may not be seen here
    again = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=True, env=os.environ)
    assert elsewhere.exists()
    SentTables.made().remove()
    assert not Path(again.stdout.strip()).exists()
    assert living.folder.exists()
    assert elsewhere.exists()
    living.remove()


def corpus_of(n, *, title):
    ids = [f"d{i}" for i in range(n)]
    documents = pl.DataFrame({"id": ids, "text": [f"word{i % 17} in text {i // 2}" for i in range(n)], "kind": "k"})
    documents = documents.with_columns(title=pl.lit("a title")) if title else documents
    queries = pl.DataFrame({"id": ["q0", "q1"], "text": ["word1", "word2"]})
    qrels = pl.DataFrame({"query_id": ["q0", "q1"], "doc_id": ["d1", "d2"], "relevance": 1, "split": "train"})
    return Dataset.from_tables(queries, documents, qrels)


@pytest.mark.parametrize("title", [False, True])
def test_of_a_larger_corpus_no_more_is_sent_and_nothing_is_computed_again(tables, monkeypatch, tmp_path, title):
    filters = (KnownPositives(), QueryItself(), Empty(), NearDuplicate(), SharedValue("kind"), Learned())
    plan = Plan("train", (Random(), Related("kind")), filters, Selection(shortage="fill_random"), 9)
    sizes = []
    for n in (100, 3_000):
        dataset = corpus_of(n, title=title)
        make_once(plan, dataset)
        sizes.append(len(tables.pack(MiningBlocks(dataset, plan, tmp_path, plan.blocks(dataset, 9)))))
    assert sizes[1] - sizes[0] < 100
    work = unpacked(tables.pack(MiningBlocks(dataset, plan, tmp_path, plan.blocks(dataset, 9))))
    monkeypatch.setattr("hardneg.data.corpus.normalised", None)
    monkeypatch.setattr("hardneg.data.unfit.normalised", None)
    monkeypatch.setattr("hardneg.data.unfit.is_blank", None)
    monkeypatch.setattr("hardneg.filters.shingles.shingle", None)
    monkeypatch.setattr("hardneg.filters.learned.likeness.number_terms", None)
    monkeypatch.setattr("hardneg.filters.shared_value.incidence", None)
    monkeypatch.setattr("hardneg.sources.related.incidence", None)
    make_once(work.plan, work.dataset)
    assert work.dataset.document_texts.equals(dataset.document_texts)
    assert (work.dataset.text_group == dataset.text_group).all()
    assert work.dataset.fingerprint == dataset.fingerprint
