"""What `export` writes is what sentence-transformers trains on."""

import importlib.util
from pathlib import Path

import ir_measures
import numpy as np
import polars as pl
import pytest

import hardneg as hn
from exported_toy import meant, odd_dataset, odd_negatives, scores_meant
from hardneg.filters import apply_filters
from hardneg.negatives import Selection, export, select

datasets = pytest.importorskip("datasets")
pytest.importorskip("sentence_transformers")


@pytest.fixture
def negatives(tiny) -> pl.DataFrame:
    every = pl.DataFrame({"query": np.repeat(np.arange(4), 8), "document": np.tile(np.arange(8), 4)}).cast(pl.Int32)
    candidates = every.with_columns(
        pl.Series("rank.dense", np.tile(np.arange(1, 9), 4), dtype=pl.Int32),
        pl.Series("score.dense", np.random.default_rng(0).random(32), dtype=pl.Float32),
    )
    return select(apply_filters(candidates, tiny, []), tiny, Selection(per_query=2), seed=0)


@pytest.fixture
def model(tiny, tmp_path):
    from sentence_transformers import SentenceTransformer

    from tiny_model import build_tiny_model

    texts = [*tiny.query_texts, *tiny.document_texts]
    return SentenceTransformer(str(build_tiny_model(tmp_path, texts)), device="cpu")


def losses_of(model, table, loss, folder):
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments

    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        max_steps=2,
        per_device_train_batch_size=3,
        report_to="none",
        use_cpu=True,
        logging_steps=1,
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    trainer = SentenceTransformerTrainer(model=model, args=arguments, train_dataset=table, loss=loss(model))
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def test_trainer_takes_two_steps_on_exported_negatives(tiny, negatives, model, tmp_path):
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    path = tmp_path / "rows.parquet"
    export(tiny, negatives, split="train", form="triplet", path=path)
    table = datasets.Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "cache"))
    losses = losses_of(model, table, MultipleNegativesRankingLoss, tmp_path / "out")
    assert len(losses) == 2
    assert np.isfinite(losses).all()


def test_trainer_distils_from_exported_scores(tiny, negatives, model, tmp_path):
    from sentence_transformers.sentence_transformer.losses import MarginMSELoss

    path = tmp_path / "rows.jsonl"
    export(tiny, negatives, split="train", form="n-tuple", scores=True, path=path)
    table = datasets.Dataset.from_json(str(path), cache_dir=str(tmp_path / "cache"))
    assert np.isfinite(losses_of(model, table, MarginMSELoss, tmp_path / "out")).all()


def test_labelled_lists_load_with_their_lists(tiny, negatives, tmp_path):
    exported = export(tiny, negatives, split="train", form="labeled-list", path=tmp_path / "rows.parquet")
    table = datasets.Dataset.from_parquet(str(tmp_path / "rows.parquet"), cache_dir=str(tmp_path / "cache"))
    assert table["labels"][:] == exported["labels"].to_list()
    assert table["documents"][:] == exported["documents"].to_list()


def loader(name):
    """A script that asks a peer's own loader, as `make formats` does."""
    path = Path(__file__).parents[2] / "benchmarks" / "formats" / "loaders" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("form", ["triplet", "n-tuple", "labeled-pair", "labeled-list"])
def test_each_kind_of_model_is_given_what_was_mined(tmp_path, form):
    dataset, negatives = odd_dataset(), odd_negatives()
    scored = not form.startswith("labeled")
    hn.export(dataset, negatives, form=form, path=tmp_path / "rows.jsonl", scores=scored)
    read = loader("sbert").read(form, tmp_path / "rows.jsonl", cache=str(tmp_path / "cache"))
    assert {tuple(each) for each in read["triples"]} == meant(dataset, negatives)
    scores = {(query, document): score for query, document, score in read["scores"]}
    assert scores == pytest.approx(scores_meant(dataset, negatives) if scored else {}, abs=1e-6)


def test_a_trec_run_and_its_qrels_are_what_ir_measures_reads(tmp_path):
    hn.export(odd_dataset(), odd_negatives(), form="trec", path=tmp_path / "trec", scores=True)
    qrels = list(ir_measures.read_trec_qrels(str(tmp_path / "trec" / "qrels.trec")))
    run = list(ir_measures.read_trec_run(str(tmp_path / "trec" / "run.trec")))
    assert {(each.query_id, each.doc_id) for each in qrels} == {("007", "0"), ("007", "01"), ("q%20b", "d2")}
    assert [(each.query_id, each.doc_id, each.score) for each in run] == [
        *(("007", "d%203", 0.75), ("007", "d2", 0.25)),
        *(("q%20b", "d4", 0.5), ("q%20b", "d5", 0.125)),
    ]
