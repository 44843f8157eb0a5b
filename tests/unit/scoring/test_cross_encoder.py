import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy.special import expit

from hardneg.errors import ModelError, RecipeError
from hardneg.scoring import CrossEncoder
from hardneg.scoring.pair_model import load_pair_model, n_rows, tokenise_pairs
from tiny_cross_encoder import build_tiny_cross_encoder


@pytest.fixture
def pairs(dataset):
    query, document = np.divmod(np.arange(24 * 40, dtype=np.int32), np.int32(40))
    return query, document


def one_by_one(folder, dataset, query, document):
    from sentence_transformers import CrossEncoder as Reference

    model = Reference(str(folder), device="cpu")
    texts = [
        (dataset.query_texts[int(q)], dataset.document_texts[int(d)]) for q, d in zip(query, document, strict=True)
    ]
    return model.predict(texts, batch_size=1, activation_fn=torch.nn.Identity(), show_progress_bar=False)


def test_scores_are_those_of_sentence_transformers_one_pair_at_a_time(cross_encoder_folder, dataset, pairs):
    query, document = (each[::7] for each in pairs)
    expected = one_by_one(cross_encoder_folder, dataset, query, document)
    plain = CrossEncoder(cross_encoder_folder, activation="identity", precision="fp32")
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(plain.score(dataset, query, document), expected, atol=1e-5)
    sigmoid = CrossEncoder(cross_encoder_folder, precision="fp32")
    np.testing.assert_allclose(sigmoid.score(dataset, query, document), expit(expected), atol=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("max_tokens", [None, 21])
def test_a_pairs_score_has_the_same_bits_whatever_it_is_scored_with(
    cross_encoder_folder, dataset, pairs, precision, max_tokens
):
    query, document = pairs
    scorer = CrossEncoder(cross_encoder_folder, precision=precision, max_tokens=max_tokens)
    whole = scorer.score(dataset, query, document)
    rng = np.random.default_rng(0)
    for size in (1, 2, 15, 16, 17, 333, 960):
        rows = rng.permutation(len(query))[:size]
        np.testing.assert_array_equal(scorer.score(dataset, query[rows], document[rows]), whole[rows])
    doubled = np.repeat(np.arange(40), 3)
    np.testing.assert_array_equal(scorer.score(dataset, query[doubled], document[doubled]), whole[doubled])


def test_slices_of_tokenised_pairs_change_no_bit(cross_encoder_folder, dataset, pairs, monkeypatch):
    scorer = CrossEncoder(cross_encoder_folder, precision="fp32")
    whole = scorer.score(dataset, *pairs)
    monkeypatch.setattr("hardneg.scoring.pair_model._SLICE", 37)
    np.testing.assert_array_equal(scorer.score(dataset, *pairs), whole)


def test_every_batch_of_a_width_has_one_shape_and_every_pair_is_in_one_batch(cross_encoder_folder, dataset, pairs):
    model = load_pair_model(cross_encoder_folder, precision="fp32").model
    texts = [(dataset.query_texts[int(q)], dataset.document_texts[int(d)]) for q, d in zip(*pairs, strict=True)]
    features = tokenise_pairs(model, texts)
    seen = []
    for rows, batch in features.batches(2048):
        n, width = batch["input_ids"].shape
        assert width % 16 == 0
        assert n == n_rows(width, 2048)
        assert n % 16 == 0
        assert n * width <= 2048
        assert batch["attention_mask"].sum(dim=1)[: len(rows)].tolist() == features.n_tokens[rows].tolist()
        assert ((features.n_tokens[rows] <= width) & (features.n_tokens[rows] > width - 16)).all()
        seen += rows.tolist()
    assert sorted(seen) == list(range(len(texts)))


def test_scores_between_zero_and_one_tell_pairs_apart(cross_encoder_folder, dataset, pairs):
    score = CrossEncoder(cross_encoder_folder).score(dataset, *pairs)
    assert score.dtype == np.float32
    assert ((score > 0) & (score < 1)).all()
    assert len(np.unique(score)) > 100


def test_no_pairs_have_no_scores_and_load_no_model(dataset):
    nothing = np.empty(0, np.int32)
    assert CrossEncoder("no/such-model").score(dataset, nothing, nothing).shape == (0,)


def test_the_fingerprint_covers_what_decides_a_score(cross_encoder_folder, tmp_path):
    scorer = CrossEncoder(cross_encoder_folder, precision="fp32")
    changed = [
        dataclasses.replace(scorer, precision="bf16"),
        dataclasses.replace(scorer, activation="identity"),
        dataclasses.replace(scorer, max_tokens=20),
    ]
    copies = [tmp_path / name for name in ("same", "weights", "vocabulary", "config")]
    for copy in copies:
        shutil.copytree(cross_encoder_folder, copy)
    weights = load_file(copies[1] / "model.safetensors")
    weights["classifier.bias"] = weights["classifier.bias"] + 1e-3
    save_file(weights, copies[1] / "model.safetensors", metadata={"format": "pt"})
    vocabulary = json.loads((copies[2] / "tokenizer.json").read_text())
    vocabulary["normalizer"] = None
    (copies[2] / "tokenizer.json").write_text(json.dumps(vocabulary))
    config = json.loads((copies[3] / "config.json").read_text())
    (copies[3] / "config.json").write_text(json.dumps(config | {"hidden_act": "relu"}))
    same, *others = [dataclasses.replace(scorer, model=copy) for copy in copies]
    assert same.fingerprint() == scorer.fingerprint()
    assert len({each.fingerprint() for each in [scorer, *changed, *others]}) == 7


def test_a_model_trained_again_in_its_old_folder_is_loaded_again(cross_encoder_folder, dataset, pairs, tmp_path):
    folder = tmp_path / "teacher"
    shutil.copytree(cross_encoder_folder, folder)
    before = CrossEncoder(folder).score(dataset, *pairs)
    weights = load_file(folder / "model.safetensors")
    save_file(
        weights | {"classifier.bias": torch.tensor([3.0])}, folder / "model.safetensors", metadata={"format": "pt"}
    )
    assert (CrossEncoder(folder).score(dataset, *pairs) > before).all()


def test_an_encoder_without_a_head_is_refused(bi_encoder_folder, dataset, pairs):
    with pytest.raises(ModelError, match=r"has no trained head .*bi_encoder"):
        CrossEncoder(bi_encoder_folder).score(dataset, *pairs)


def test_several_labels_are_refused(tmp_path, dataset, pairs):
    folder = build_tiny_cross_encoder(tmp_path, list(dataset.query_texts), labels=3)
    with pytest.raises(ModelError, match="has 3 labels"):
        CrossEncoder(folder).score(dataset, *pairs)


def test_a_model_that_is_not_there_is_one_clear_error(dataset, pairs, tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        CrossEncoder(tmp_path / "nothing").score(dataset, *pairs)


def test_more_tokens_than_the_model_has_positions_are_refused(cross_encoder_folder, dataset, pairs):
    with pytest.raises(ModelError, match="positions for 64 tokens"):
        CrossEncoder(cross_encoder_folder, max_tokens=65).score(dataset, *pairs)


def test_an_output_that_is_no_number_is_refused(cross_encoder_folder, dataset, pairs, tmp_path):
    shutil.copytree(cross_encoder_folder, tmp_path / "nan")
    weights = load_file(tmp_path / "nan" / "model.safetensors")
    broken = weights | {"classifier.bias": torch.tensor([float("nan")])}
    save_file(broken, tmp_path / "nan" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="gave no number"):
        CrossEncoder(tmp_path / "nan").score(dataset, *pairs)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_tokens": 3}, "max_tokens is 3"),
        ({"precision": "int8"}, "precision is 'int8'"),
        ({"activation": "softmax"}, "activation is 'softmax'"),
    ],
)
def test_options_that_cannot_be_are_refused_when_it_is_made(values, message):
    with pytest.raises(RecipeError, match=message):
        CrossEncoder("any", **values)
