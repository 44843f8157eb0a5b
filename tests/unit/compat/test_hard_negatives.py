"""`mine_hard_negatives` does what sentence-transformers documents of its own, and gives what that gives."""

import inspect
import logging
import random
import zlib

import numpy as np
import pytest

from hardneg.compat import mine_hard_negatives
from hardneg.compat.wish import ArgumentError
from hardneg.data.reading import read_dataset
from tiny_model import build_tiny_model

datasets = pytest.importorskip("datasets")
peer = pytest.importorskip("sentence_transformers.util.hard_negatives")
WORDS = [
    *("file", "list", "string", "open", "sort", "join", "read", "write", "copy", "folder"),
    *("path", "name", "line", "text", "key", "value", "set", "dict", "loop"),
]


def pairs(n=40):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 6)) + f" {at}" for at in range(2 * n)]
    return datasets.Dataset.from_dict({"question": texts[:n], "answer": texts[n:]})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from sentence_transformers import SentenceTransformer

    table = pairs()
    place = build_tiny_model(tmp_path_factory.mktemp("model"), [*table["question"], *table["answer"]])
    return SentenceTransformer(str(place), device="cpu")


def both(table, model, **options):
    random.seed(7)
    theirs = peer.mine_hard_negatives(table, model, verbose=False, **options)
    ours = mine_hard_negatives(table, model, verbose=False, **options)
    return ours, theirs


def same(ours, theirs):
    assert ours.column_names == theirs.column_names
    for name in theirs.column_names:
        given, wanted = ours[name][:], theirs[name][:]
        if name.startswith("score"):
            assert list(map(np.size, given)) == list(map(np.size, wanted))
            np.testing.assert_allclose(np.hstack(given), np.hstack(wanted), atol=1e-5)
        else:
            assert given == wanted


OPTIONS = [
    {},
    {"output_scores": True},
    {"output_format": "n-tuple", "num_negatives": 5},
    {"output_format": "n-tuple", "output_scores": True},
    {"output_format": "labeled-pair"},
    {"output_format": "labeled-pair", "output_scores": True},
    {"output_format": "labeled-list"},
    {"range_min": 4, "range_max": 12},
    {"anchor_column_name": "answer", "positive_column_name": "question"},
    {"query_prompt": "open ", "corpus_prompt": "file "},
    {"include_positives": True, "num_negatives": 7},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_rows_are_those_of_the_peer(model, options):
    same(*both(pairs(), model, **options))


BOUNDED = [
    {"relative_margin": 0.02, "output_scores": True},
    {"absolute_margin": 0.01},
    {"max_score": 0.9, "output_format": "labeled-list", "output_scores": True},
    {"min_score": 0.2, "range_max": 30},
    {"relative_margin": 0.05, "max_score": 0.95, "output_format": "n-tuple"},
]


@pytest.mark.parametrize("options", BOUNDED, ids=str)
def test_bounds_leave_what_the_peer_leaves_where_the_window_is_wide(model, options):
    same(*both(pairs(), model, **{"range_max": 39} | options))


def test_several_positives_and_a_corpus_are_taken_as_the_peer_takes_them(model):
    table = pairs()
    more = datasets.Dataset.from_dict(
        {
            "question": [*table["question"], *table["question"][:10]],
            "answer": [*table["answer"], *table["answer"][20:30]],
        }
    )
    corpus = [" ".join(WORDS[at : at + 4]) for at in range(10)]
    for form in ("triplet", "n-tuple", "labeled-pair", "labeled-list"):
        same(*both(more, model, corpus=corpus, output_format=form, output_scores=True))


def test_a_cross_encoder_scores_anew_where_there_is_a_bound(model):
    class Judge:
        def predict(self, listed, *, batch_size=32, convert_to_tensor=False, pool=None, show_progress_bar=None):
            import torch

            scores = torch.tensor([zlib.crc32(f"{q}|{d}".encode()) / 2**32 for q, d in listed])
            return scores if convert_to_tensor else scores.numpy()

    for options in ({"max_score": 0.65}, {"relative_margin": 0.01}, {}):
        same(*both(pairs(), model, cross_encoder=Judge(), range_max=39, output_scores=True, **options))


def test_chance_is_pythons_and_stays_in_the_window(model):
    random.seed(3)
    first = mine_hard_negatives(pairs(), model, sampling_strategy="random", range_max=20, verbose=False)
    random.seed(3)
    assert first[:] == mine_hard_negatives(pairs(), model, sampling_strategy="random", range_max=20, verbose=False)[:]
    window = mine_hard_negatives(pairs(), model, num_negatives=20, range_max=20, verbose=False)
    inside = set(zip(window["question"], window["negative"], strict=True))
    assert set(zip(first["question"], first["negative"], strict=True)) <= inside
    assert len(first) == len(pairs()) * 3


def test_the_signature_is_the_peers_and_ours_are_by_name_alone():
    ours, theirs = (inspect.signature(each).parameters for each in (mine_hard_negatives, peer.mine_hard_negatives))
    shared = [(name, each.default, each.kind) for name, each in theirs.items()]
    assert [(name, each.default, each.kind) for name, each in ours.items()][: len(shared)] == shared
    assert {each.kind for name, each in ours.items() if name not in theirs} == {inspect.Parameter.KEYWORD_ONLY}


def test_older_spellings_are_understood_with_a_warning(model, caplog):
    with caplog.at_level(logging.WARNING, "hardneg.compat"):
        same(*both(pairs(), model, as_triplets=False))
        same(*both(pairs(), model, output_format="n-tuple-scores"))
        same(*both(pairs(), model, margin=0.01, range_max=39))
        same(*both(pairs(), model, include_positives=True, output_format="triplet"))
    for name in ("as_triplets", "n-tuple-scores", "margin is deprecated", "include_positives"):
        assert name in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"num_negatives": 0},
        {"range_min": -1},
        {"range_min": 5, "range_max": 5},
        {"range_min": 5, "range_max": 6},
        {"output_format": "pairs"},
        {"faiss_batch_size": 0},
    ],
    ids=str,
)
def test_what_the_peer_refuses_is_refused_with_the_same_exception(model, options):
    for mine in (peer.mine_hard_negatives, mine_hard_negatives):
        with pytest.raises(ValueError, match=r".+"):
            mine(pairs(), model, verbose=False, **options)
    with pytest.raises(ValueError, match="empty"):
        mine_hard_negatives(pairs().select([]), model)


def test_what_the_peer_gets_wrong_is_named_and_not_repeated(model):
    """Each of these is a difference on the page Drop-in."""
    table = pairs()
    with pytest.raises(ArgumentError, match="no column 'anchor'; it has: question, answer"):
        mine_hard_negatives(table, model, anchor_column_name="anchor")
    shouted = [text.upper() for text in table["answer"]]
    ours, theirs = both(table, model, corpus=shouted)
    answers = dict(zip(table["question"], map(str.upper, table["answer"]), strict=True))
    assert any(answers[row["question"]] == row["negative"] for row in theirs)
    assert not any(answers[row["question"]] == row["negative"].upper() for row in ours)
    ours, theirs = both(table, model, range_min=3, range_max=39, max_score=0.9, num_negatives=2)
    unbounded = mine_hard_negatives(table, model, range_min=3, range_max=39, num_negatives=36, verbose=False)
    window = set(zip(unbounded["question"], unbounded["negative"], strict=True))
    assert set(zip(ours["question"], ours["negative"], strict=True)) <= window


def test_a_run_folder_is_one_of_hardneg(model, tmp_path):
    rows = mine_hard_negatives(pairs(), model, verbose=False, out=tmp_path / "run", filters=["near_duplicate"])
    assert (tmp_path / "run" / "negatives").is_dir()
    assert (tmp_path / "run" / "funnel.json").exists()
    assert read_dataset(rows).n_queries == 40


def test_what_became_of_the_candidates_is_told_on_request(model, capsys):
    mine_hard_negatives(pairs(), model, max_score=0.9, range_max=39)
    shown = capsys.readouterr().out
    assert " negatives for 40 queries" in shown
    assert "by bounds" in shown
