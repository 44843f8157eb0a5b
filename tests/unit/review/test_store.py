import sqlite3

import polars as pl
import pytest

from hardneg.audits.verdict_store import Begun, Settings, check_same, opened
from hardneg.errors import RunError

BEGUN = Begun(Settings(order="score", suspects=2, sample=1), negatives=9, digest="ab")


@pytest.fixture
def store(tmp_path, pairs):
    with opened(tmp_path / "deep" / "verdicts.sqlite") as store:
        store.begin(pairs.drop("pair"), BEGUN)
        yield store


def test_every_verdict_is_there_for_another_connection_at_once(store):
    store.record(0, "anna", "answer")
    store.record(1, "anna", "unsure")
    with opened(store.path) as other:
        assert other.votes().rows() == [(0, "anna", "answer"), (1, "anna", "unsure")]
    assert store.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store.connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_later_verdict_stands_and_an_undo_brings_the_pair_back(store):
    store.record(0, "anna", "answer")
    store.record(0, "anna", "not_answer")
    assert store.votes().rows() == [(0, "anna", "not_answer")]
    assert store.undo("anna") == 0
    assert store.votes().is_empty()
    assert next(store.open_pairs("anna")) == 0
    assert store.undo("anna") is None
    assert store.connection.execute("SELECT COUNT(*) FROM votes").fetchone() == (3,)  # nothing is ever deleted


def test_undo_goes_back_step_by_step_and_only_over_ones_own(store):
    for pair in (0, 1, 2):
        store.record(pair, "anna", "answer")
    store.record(3, "ben", "answer")
    assert [store.undo("anna") for _ in range(3)] == [2, 1, 0]
    assert store.votes().rows() == [(3, "ben", "answer")]


def test_a_pair_waits_for_everybody_if_it_is_shared_and_else_for_whoever_comes_first(tmp_path, pairs):
    with opened(tmp_path / "v.sqlite") as store:
        store.begin(pairs.drop("pair").with_columns(shared=pl.Series([True] + [False] * 5)), BEGUN)
        store.record(0, "anna", "answer")
        store.record(1, "anna", "unsure")
        assert list(store.open_pairs("anna")) == [2, 3, 4, 5]
        assert list(store.open_pairs("ben")) == [0, 2, 3, 4, 5]


def test_who_begins_second_finds_what_the_first_began(store, pairs):
    with opened(store.path) as other:
        other.begin(pairs.drop("pair").head(1), Begun(Settings(), 1, "cd"))
        assert other.begun() == BEGUN
        assert other.pairs().equals(pairs)


def test_going_on_with_other_settings_or_negatives_is_refused(tmp_path):
    check_same(BEGUN, digest="ab", wanted={"suspects": 2}, path=tmp_path)
    with pytest.raises(RunError, match="was begun with suspects = 2; leave that out"):
        check_same(BEGUN, digest="ab", wanted={"suspects": 3, "sample": 1}, path=tmp_path)
    with pytest.raises(RunError, match="with other negatives"):
        check_same(BEGUN, digest="cd", wanted={}, path=tmp_path)


def test_what_is_no_database_of_ours_is_refused(tmp_path):
    (tmp_path / "text.sqlite").write_text("not a database, but long enough to look like one " * 20)
    with pytest.raises(RunError, match="cannot be used as a database"), opened(tmp_path / "text.sqlite"):
        pass
    connection = sqlite3.connect(tmp_path / "newer.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(RunError, match="another version of hardneg"), opened(tmp_path / "newer.sqlite"):
        pass
