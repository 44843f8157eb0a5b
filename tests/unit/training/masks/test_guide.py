"""The mask by a guide model, against a double loop over texts that the guide encodes."""

import math

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from hardneg.errors import ModelError, RecipeError
from hardneg.losses.score_matrix import ScoreMatrix
from hardneg.models.sentence_transformer import SentenceTransformerEncoder, load_encoder
from hardneg.training.inputs import describe_inputs
from hardneg.training.loop import train
from hardneg.training.masks import Cells, Guide, narrow
from hardneg.training.passes.embedding import TwoTowers
from hardneg.training.plan import TrainingData, batch_of, plan_steps
from hardneg.training.pool.pool import build_pool
from hardneg.training.sampling.batches import MinedNegatives, training_pairs
from hardneg.training.settings import TrainSettings
from scored_pools import score_pool
from tiny_model import build_tiny_model
from toy import toy_dataset, toy_negatives


@pytest.fixture(scope="module")
def toy():
    return toy_dataset()


@pytest.fixture(scope="module")
def start(tmp_path_factory, toy):
    return build_tiny_model(tmp_path_factory.mktemp("start"), [*toy.query_texts, *toy.document_texts])


@pytest.fixture(scope="module")
def guide_model(tmp_path_factory, toy):
    return build_tiny_model(tmp_path_factory.mktemp("guide"), [*toy.query_texts, *toy.document_texts], seed=7)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"margin": 0.02},
        {"margin": -0.02},
        {"margin": 0.03, "relative": True},
        {"margin": 0.01, "query_prompt": "ku la ", "document_prompt": "du "},
    ],
)
def test_a_step_masks_exactly_what_a_double_loop_says(start, guide_model, toy, options):
    query, document = training_pairs(toy, "train")
    data = TrainingData(toy, query, document, MinedNegatives(toy_negatives(), n_queries=toy.n_queries))
    settings = TrainSettings(batch_size=8, mask=Guide(str(guide_model), **options))
    towers = TwoTowers(
        SentenceTransformer(str(start), device="cpu").eval(), query_prompt=None, document_prompt=None, bf16=False
    )
    prompts = {name: prompt for name, prompt in options.items() if name.endswith("prompt")}
    guide = load_encoder(str(guide_model), **prompts)
    queries = guide.encode_queries(toy.query_texts.to_list()).astype(float)
    documents = guide.encode_documents(toy.document_texts.to_list()).astype(float)
    n_masked = 0
    for step in plan_steps(data, settings)[:3]:
        batch = batch_of(data, step.batches[0], epoch=0, settings=settings)
        pool = build_pool(toy, batch)
        whole = score_pool(batch.query, pool, toy, towers)
        found = narrow(whole, settings.mask, Cells(toy, batch.query, pool.document)).allowed
        for row, (q, d) in enumerate(zip(batch.query.tolist(), batch.document.tolist(), strict=True)):
            positive = float(queries[q] @ documents[d])
            margin = abs(positive) * options.get("margin", 0.0) if "relative" in options else options.get("margin", 0.0)
            for column, other in enumerate(pool.document.tolist()):
                masked = float(queries[q] @ documents[other]) > positive - margin
                answers = toy.is_answer(np.array([q]), np.array([other])).item()
                expected = other == d or not (answers or masked)
                assert bool(found[row, column]) == expected
                n_masked += masked and not answers
    assert n_masked > 0


def test_training_with_a_guide_encodes_each_text_once_and_differs_from_training_without(
    start, guide_model, tmp_path, monkeypatch
):
    toy, encoded = toy_dataset(), []  # vectors are remembered by dataset: this one is new
    for kind in ("queries", "documents"):
        plain = getattr(SentenceTransformerEncoder, f"encode_{kind}")

        def counting(self, texts, plain=plain):
            encoded.extend(texts)
            return plain(self, texts)

        monkeypatch.setattr(SentenceTransformerEncoder, f"encode_{kind}", counting)
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    same = {"batch_size": 8, "epochs": 2, "learning_rate": 1e-3, "precision": "fp32"}
    for name, mask in (("with", Guide(str(guide_model))), ("again", Guide(str(guide_model))), ("without", None)):
        train(start, toy, toy_negatives(), settings=TrainSettings(**same, mask=mask), out=tmp_path / name)
    assert len(encoded) == toy.n_queries + toy.n_documents
    bytes_of = {n: (tmp_path / n / "model" / "model.safetensors").read_bytes() for n in ("with", "again", "without")}
    assert bytes_of["with"] == bytes_of["again"] != bytes_of["without"]


def test_the_guides_weights_are_part_of_a_runs_identity(start, guide_model, toy, tmp_path):
    model = SentenceTransformer(str(start), device="cpu")

    def described(mask):
        options = {"split": "train", "settings": TrainSettings(mask=mask), "precision": "fp32", "n_processes": 1}
        return describe_inputs(model, toy, None, **options)

    first, plain = described(Guide(str(guide_model))), described(None)
    assert "mask" not in plain
    assert first["mask"] == str(Guide(str(guide_model)))
    assert described(Guide(str(start)))["mask_fingerprint"] != first["mask_fingerprint"]
    assert {key: value for key, value in first.items() if not key.startswith("mask")} == plain


def test_a_guide_that_does_not_exist_is_refused_before_any_work(start, toy, tmp_path):
    with pytest.raises(ModelError, match="no-such-guide"):
        train(start, toy, settings=TrainSettings(mask=Guide(str(tmp_path / "no-such-guide"))), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options",
    [{"margin": math.nan}, {"margin": -0.1, "relative": True}, {"margin": 1.1, "relative": True}, {"max_tokens": 3}],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(RecipeError, match="guide"):
        Guide("some/guide", **options)


def test_a_guides_mask_has_no_graph(start, toy):
    positions = Cells(toy, np.array([0], np.int32), np.array([0, 31], np.int32))
    towers = TwoTowers(
        SentenceTransformer(str(start), device="cpu").eval(), query_prompt=None, document_prompt=None, bf16=False
    )
    queries, documents = towers([toy.query_texts[0]], [toy.document_texts[0], toy.document_texts[31]])
    matrix = ScoreMatrix(queries @ documents.T, torch.tensor([0]), torch.ones(1, 2, dtype=torch.bool))
    assert not Guide(str(start)).keep(matrix, positions).requires_grad
