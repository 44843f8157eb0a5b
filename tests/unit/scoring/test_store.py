import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from counting_scorer import Counting
from flipping import flip
from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.progress import showing
from hardneg.scoring import stored_scores

TESTS = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pairs():
    return tuple(each.astype(np.int32) for each in np.divmod(np.arange(24 * 40), 40))


def asked(scorer):
    return [pair for call in scorer.calls for pair in call]


def test_scores_are_those_of_the_scorer_cold_and_warm_in_any_order(dataset, pairs):
    expected = Counting().score(dataset, *pairs)
    order = np.random.default_rng(0).permutation(960)
    part = order[:100]
    for rows in (part, order, np.arange(960), order[::-1], np.repeat(part, 3)):
        found = stored_scores(Counting(), dataset, pairs[0][rows], pairs[1][rows])
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected[rows])


def test_each_pair_of_texts_is_scored_once_ever(dataset, pairs):
    scorer = Counting()
    for rows in (slice(0, 100), slice(50, 150), slice(0, 960), slice(0, 960)):
        stored_scores(scorer, dataset, pairs[0][rows], pairs[1][rows])
    assert len(asked(scorer)) == len(set(asked(scorer))) == 960
    stored_scores(scorer, dataset, np.repeat(pairs[0], 2), np.repeat(pairs[1], 2))
    assert len(asked(scorer)) == 960


def test_equal_texts_under_other_ids_and_in_other_datasets_are_one_pair():
    def dataset(name, titles):
        return Dataset.from_tables(
            pl.DataFrame({"id": [f"{name}0", f"{name}1"], "text": ["same", "same"]}),
            pl.DataFrame({"id": [f"{name}a", f"{name}b"], "text": ["one two", "two"], "title": titles}),
            pl.DataFrame({"query_id": [f"{name}0"], "doc_id": [f"{name}a"], "relevance": [1], "split": ["train"]}),
        )

    scorer = Counting()
    query, document = np.array([0, 1, 0], np.int32), np.array([0, 0, 1], np.int32)
    first = stored_scores(scorer, dataset("x", ["", "one"]), query, document)
    assert asked(scorer) == [("same", "one two")]
    np.testing.assert_array_equal(first, stored_scores(scorer, dataset("y", ["", "one"]), query, document))
    assert len(asked(scorer)) == 1
    stored_scores(scorer, dataset("z", ["", "three"]), query, document)
    assert asked(scorer)[1:] == [("same", "three two")]


def test_another_fingerprint_is_another_store(dataset, pairs):
    one, other = Counting(identity="a"), Counting(identity="b")
    for scorer in (one, other):
        stored_scores(scorer, dataset, *pairs)
    assert len(asked(one)) == len(asked(other)) == 960


def test_missing_pairs_come_in_chunks_the_longest_first(dataset, pairs, monkeypatch):
    monkeypatch.setattr("hardneg.scoring.store.CHUNK", 100)
    scorer = Counting()
    stored_scores(scorer, dataset, *pairs)
    assert [len(call) for call in scorer.calls] == [100] * 9 + [60]
    lengths = [len(a) + len(b) for a, b in asked(scorer)]
    assert lengths == sorted(lengths, reverse=True)


def test_a_scorer_without_a_fingerprint_is_asked_each_time(dataset, pairs, cache):
    class Plain:
        name = "plain"
        calls = 0

        def score(self, dataset, query, document):
            self.calls += 1
            return query.astype(np.float32)

    plain = Plain()
    for _ in range(2):
        np.testing.assert_array_equal(stored_scores(plain, dataset, *pairs), pairs[0].astype(np.float32))
    assert plain.calls == 2
    assert not cache.exists()


def test_no_pairs_ask_nobody(dataset, cache):
    nothing = np.empty(0, np.int32)
    assert stored_scores(Counting(), dataset, nothing, nothing).shape == (0,)
    assert not cache.exists()


def test_a_killed_process_loses_no_more_than_the_chunk_it_was_at(dataset, pairs, cache):
    script = """
        import numpy as np
        from counting_scorer import Stalling
        from toy import toy_dataset
        from hardneg.scoring import store
        store.CHUNK = 100
        query, document = (each.astype(np.int32) for each in np.divmod(np.arange(960), 40))
        store.stored_scores(Stalling(), toy_dataset(), query, document)
    """
    environment = os.environ | {"PYTHONPATH": str(TESTS), "HARDNEG_CACHE": str(cache)}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "standing still\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    scorer = Counting()
    found = stored_scores(scorer, dataset, *pairs)
    assert len(asked(scorer)) == 960 - 200
    np.testing.assert_array_equal(found, Counting().score(dataset, *pairs))


def test_what_a_failing_scorer_had_done_before_is_kept(dataset, pairs, monkeypatch):
    monkeypatch.setattr("hardneg.scoring.store.CHUNK", 100)

    class Failing(Counting):
        def score(self, dataset, query, document):
            if len(self.calls) == 3:
                raise KeyboardInterrupt
            return super().score(dataset, query, document)

    with pytest.raises(KeyboardInterrupt):
        stored_scores(Failing(), dataset, *pairs)
    scorer = Counting()
    stored_scores(scorer, dataset, *pairs)
    assert len(asked(scorer)) == 960 - 300


@pytest.mark.parametrize(
    "answer",
    [
        lambda n: np.full(n, np.nan, np.float32),
        lambda n: np.zeros(n + 1, np.float32),
        lambda n: np.zeros((n, 1), np.float32),
        lambda n: np.array(["good"] * n),
    ],
)
def test_scores_that_are_none_are_refused_and_not_kept(dataset, pairs, answer):
    class Wrong(Counting):
        def score(self, dataset, query, document):
            return answer(len(query))

    with pytest.raises(RecipeError, match="scorer 'teacher' must score 960 pairs"):
        stored_scores(Wrong(), dataset, *pairs)
    scorer = Counting()
    stored_scores(scorer, dataset, *pairs)
    assert len(asked(scorer)) == 960


def test_a_file_that_is_no_database_is_made_anew(dataset, pairs, cache, caplog):
    before = stored_scores(Counting(), dataset, *pairs)
    (file,) = (cache / "scores").glob("*.sqlite")
    file.write_bytes(b"not a database" * 1000)
    np.testing.assert_array_equal(stored_scores(Counting(), dataset, *pairs), before)
    assert f"{file} is damaged; 0 rows of it could be read" in caplog.text
    assert list((cache / "scores").iterdir()) == [file]


def test_any_flipped_bit_of_the_file_changes_no_score(dataset, pairs, cache):
    before = stored_scores(Counting(), dataset, *pairs)
    (file,) = (cache / "scores").glob("*.sqlite")
    whole, rng, anew = file.read_bytes(), np.random.default_rng(0), []
    for _ in range(200):
        flip(file, int(rng.integers(8 * len(whole))))
        again = Counting()
        np.testing.assert_array_equal(stored_scores(again, dataset, *pairs), before)
        anew.append(len(asked(again)))
        for each in (cache / "scores").iterdir():
            each.unlink()
        file.write_bytes(whole)
    assert 0 < np.mean(anew) < 200  # mostly one of 960, and where pages no longer fit together more


def test_a_table_whose_name_is_no_text_any_more_is_made_anew(dataset, pairs, cache, caplog):
    before = stored_scores(Counting(), dataset, *pairs)
    (file,) = (cache / "scores").glob("*.sqlite")
    content = file.read_bytes()
    file.write_bytes(content.replace(b"tablesealedsealed", b"tablese\xc5ledse\xc5led"))  # which SQLite's message names
    assert file.read_bytes() != content
    np.testing.assert_array_equal(stored_scores(Counting(), dataset, *pairs), before)
    assert "is damaged" in caplog.text


def test_scores_of_an_earlier_version_are_taken_as_they_are(dataset, pairs, cache):
    before = stored_scores(Counting(), dataset, *pairs)
    (file,) = (cache / "scores").glob("*.sqlite")
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE scores (pair BLOB PRIMARY KEY, score REAL NOT NULL) WITHOUT ROWID")
        connection.execute("INSERT INTO scores SELECT pair, score FROM sealed")
        connection.execute("DELETE FROM sealed")
    connection.close()
    scorer = Counting()
    np.testing.assert_array_equal(stored_scores(scorer, dataset, *pairs), before)
    assert not scorer.calls


def test_two_processes_can_write_at_a_time(dataset, pairs, cache):
    class Meanwhile(Counting):
        def score(self, dataset, query, document):
            stored_scores(Counting(), dataset, query[:500], document[:500])
            return super().score(dataset, query, document)

    found = stored_scores(Meanwhile(), dataset, *pairs)
    np.testing.assert_array_equal(found, Counting().score(dataset, *pairs))
    (file,) = (cache / "scores").glob("*.sqlite")
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM sealed").fetchone() == (960,)
    connection.close()


def test_one_bar_counts_every_missing_pair_once(dataset, pairs, monkeypatch):
    monkeypatch.setattr("hardneg.scoring.store.CHUNK", 100)
    bars = []

    class Display:
        @contextmanager
        def task(self, description, *, total, unit):
            bars.append([description, total, unit, 0])

            def advance(n, bar=bars[-1]):
                bar[3] += n

            yield advance

    with showing(Display()):
        for _ in range(2):
            stored_scores(Counting(), dataset, *pairs)
    assert bars == [["scoring pairs", 960, "pairs", 960]]
