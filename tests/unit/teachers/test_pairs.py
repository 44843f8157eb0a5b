import numpy as np
import polars as pl
import pytest

from hardneg.errors import DatasetError, RunError
from hardneg.teachers.pairs import labelled_pairs
from hardneg.teachers.settings import TeacherSettings
from toy import toy_dataset, toy_negatives


def rows(pairs):
    return list(zip(pairs.query.tolist(), pairs.document.tolist(), pairs.positive.tolist(), strict=True))


def test_pairs_are_the_positives_and_what_was_mined_for_their_queries():
    dataset, negatives = toy_dataset(), toy_negatives()
    pairs = labelled_pairs(dataset, negatives, split="train", settings=TeacherSettings(random_per_query=0))
    positives = [(q, d, True) for q, d in zip(*map(np.ndarray.tolist, dataset.pairs_of("train")), strict=True)]
    assert sorted(rows(pairs)) == sorted([*positives, *((q, d, False) for q, d in negatives.iter_rows())])
    assert pairs.query.tolist() == sorted(pairs.query.tolist())
    assert pairs.n_positives == 30


def test_answers_and_repeats_are_left_out(tiny):
    # d0 answers q0, d5 has its text, d4 answers q1; q3 is of another split.
    mined = pl.DataFrame({"query": [0, 0, 0, 0, 1, 3], "document": [0, 5, 6, 6, 4, 6]})
    pairs = labelled_pairs(tiny, mined, split="train", settings=TeacherSettings(random_per_query=0))
    assert [row for row in rows(pairs) if not row[2]] == [(0, 6, False)]


def test_cap_on_negatives_is_a_choice_by_seed_and_not_by_order():
    dataset, negatives = toy_dataset(), toy_negatives(per_query=6)

    def mined(table, **options):
        pairs = labelled_pairs(dataset, table, split="train", settings=TeacherSettings(**options, random_per_query=0))
        return [row for row in rows(pairs) if not row[2]]

    some = mined(negatives, negatives_per_query=2)
    assert np.bincount([query for query, *_ in some]).tolist() == [2] * 23
    assert some == mined(negatives.reverse(), negatives_per_query=2)
    assert some != mined(negatives, negatives_per_query=2, seed=1)
    assert set(some) < set(mined(negatives, negatives_per_query=3))


def test_random_documents_are_further_negatives_of_every_query():
    dataset, negatives = toy_dataset(), toy_negatives()

    def pairs(n_random):
        options = TeacherSettings(random_per_query=n_random)
        return set(rows(labelled_pairs(dataset, negatives, split="train", settings=options)))

    plain, some = pairs(0), pairs(3)
    added = sorted(some - plain)
    assert plain < some < pairs(5)
    assert {query for query, *_ in added} == set(dataset.queries_of("train").tolist())
    assert np.bincount([query for query, *_ in added]).max() == 3
    assert not any(answers for *_, answers in added)
    assert not dataset.is_answer(*np.array([row[:2] for row in added], dtype=np.int32).T).any()


def test_cap_on_pairs_keeps_only_the_negatives_of_its_queries():
    settings = TeacherSettings(max_pairs=5)
    pairs = labelled_pairs(toy_dataset(), toy_negatives(), split="train", settings=settings)
    assert pairs.n_positives == 5
    assert set(pairs.query[~pairs.positive]) <= set(pairs.query[pairs.positive])


def test_split_without_negatives_says_what_to_run(tiny):
    mined = pl.DataFrame({"query": [3], "document": [6]})
    with pytest.raises(RunError, match=r"no negative for the 3 queries of split 'train' .*hardneg mine --split train"):
        labelled_pairs(tiny, mined, split="train", settings=TeacherSettings())


def test_unknown_split_is_refused(tiny):
    with pytest.raises(DatasetError, match="no split 'dev'"):
        labelled_pairs(tiny, pl.DataFrame({"query": [0], "document": [6]}), split="dev", settings=TeacherSettings())
