import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardneg.models.features import ModelInput, tokenise
from hardneg.models.sentence_transformer import load_model


def features(lengths, *, left=False):
    """Rows `n n n …` of length n, padded with 0 to the longest."""
    width = max(lengths)
    rows = [([0] * (width - n) + [n] * n) if left else ([n] * n + [0] * (width - n)) for n in lengths]
    ids = torch.tensor(rows)
    tensors = {"input_ids": ids, "attention_mask": (ids > 0).long()}
    return ModelInput(tensors, {"prompt_length": 3}, np.array(lengths, dtype=np.int64))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=80), st.integers(1, 200))
def test_batches_hold_every_row_once_and_bound_the_padded_tokens(lengths, max_tokens):
    made = features(lengths)
    batches = list(made.batches(max_tokens))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    for rows in batches:
        assert len(rows) == 1 or len(rows) * -(-made.n_tokens[rows].max() // 8) * 8 <= max_tokens


def test_the_longest_texts_come_first_so_that_too_large_a_batch_fails_at_once():
    firsts = [rows[0] for rows in features([3, 9, 1, 5]).batches(9)]
    assert firsts[0] == 1


@pytest.mark.parametrize("left", [False, True])
def test_rows_are_cut_on_the_padded_side_to_a_length_that_comes_again(left):
    batch = features([2, 21, 3], left=left).rows(np.array([2, 0]))
    short, padding = [[0] * 5 + [3] * 3, [0] * 6 + [2] * 2], batch["input_ids"].tolist()
    assert padding == (short if left else [row[::-1] for row in short])
    assert batch["attention_mask"].shape == (2, 8)
    assert batch["prompt_length"] == 3


@pytest.mark.parametrize(("longest", "width"), [(1, 8), (8, 8), (9, 16), (64, 64), (65, 80), (81, 90)])
def test_lengths_are_rounded_up_as_far_as_there_is_room(longest, width):
    batch = features([longest, 90]).rows(np.array([0]))
    assert batch["input_ids"].shape == (1, width)


def test_tokenise_counts_tokens_without_padding(folder, toy):
    model = load_model(folder, device="cpu")
    texts = toy.document_texts.to_list()[:7]
    made = tokenise(model, texts, kind="document", prompt=None)
    assert made.n_tokens.tolist() == [len(text.split()) + 2 for text in texts]
    with_prompt = tokenise(model, texts, kind="document", prompt="find: ")
    assert (with_prompt.n_tokens == made.n_tokens + 1).all()


def test_tokenise_gives_none_where_the_input_is_not_one_padded_row_a_text(folder, monkeypatch):
    model = load_model(folder, device="cpu")
    flat = {"input_ids": torch.arange(5), "offsets": torch.tensor([0, 2])}
    monkeypatch.setattr(model, "preprocess", lambda *_, **__: flat)
    assert tokenise(model, ["a b", "c d e"], kind="query", prompt=None) is None
