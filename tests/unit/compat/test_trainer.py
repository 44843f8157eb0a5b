"""Losses of hardneg in the peer's trainer: positions reach them, and labels decide what is a negative."""

import numpy as np
import polars as pl
import pytest
import torch

import hardneg as hn
from hardneg.compat import IdCollator, LabelAwareLoss, training_rows
from hardneg.errors import RecipeError, RunError
from hardneg.losses import InfoNCE
from hardneg.negatives.selection import as_negatives
from tiny_model import build_tiny_model

pytest.importorskip("datasets")


@pytest.fixture(scope="module")
def toy():
    """Three queries of which two share an answer under two ids, and one has two answers."""
    return hn.Dataset.from_tables(
        pl.DataFrame({"id": ["q0", "q1", "q2"], "text": ["open a file", "sort a list", "join strings"]}),
        pl.DataFrame(
            {"id": list("abcdef"), "text": ["use open", "sorted", "Use  OPEN", "str join", "list sort", "none"]}
        ),
        pl.DataFrame({"query_id": ["q0", "q1", "q1", "q2", "q2"], "doc_id": ["a", "b", "e", "d", "c"]}).with_columns(
            relevance=1, split=pl.lit("train")
        ),
    )


@pytest.fixture(scope="module")
def negatives():
    rows = {"query": [0, 0, 1, 1, 2, 2], "document": [3, 5, 3, 5, 1, 5], "source": ["bm25"] * 6}
    scores = {"score": [0.1, 0.2, 0.3, 0.1, 0.2, 0.3], "positive_score": [0.9] * 6}
    return as_negatives(pl.DataFrame(rows | scores))


@pytest.fixture(scope="module")
def model(toy, tmp_path_factory):
    from sentence_transformers import SentenceTransformer

    texts = [*toy.query_texts, *toy.document_texts]
    place = build_tiny_model(tmp_path_factory.mktemp("model"), texts, dropout=0.0)
    return SentenceTransformer(str(place), device="cpu").eval()


def batch_of(model, rows):
    return IdCollator(preprocess_fn=model.preprocess)(rows.to_list())


def features_of(model, rows):
    from sentence_transformers import SentenceTransformerTrainer

    return SentenceTransformerTrainer.collect_features(None, batch_of(model, rows))


def test_rows_say_which_texts_they_hold(toy, negatives):
    rows, labelled = training_rows(toy, negatives)
    assert labelled is toy or labelled.texts_fingerprint == toy.texts_fingerprint
    assert rows.column_names == ["anchor", "positive", "negative_1", "negative_2", "hardneg"]
    for row in rows:
        query, *documents = row["hardneg"]
        assert row["anchor"] == toy.query_texts[query]
        assert [row[name] for name in rows.column_names[1:-1]] == [toy.document_texts[at] for at in documents]


def test_no_answer_is_a_negative_whatever_row_it_stands_in(toy, negatives, model):
    """Against the textbook: each row, each distinct text of the batch that is no answer of its query."""
    rows, _ = training_rows(toy, negatives)
    features, labels = features_of(model, rows)
    loss = LabelAwareLoss(model, toy, loss=InfoNCE(temperature=0.1))(features, labels).detach()
    texts = [text.lower().split() for text in toy.document_texts]
    documents = model.encode_document(toy.document_texts.to_list(), convert_to_tensor=True)
    queries = model.encode_query(toy.query_texts.to_list(), convert_to_tensor=True)
    expected = []
    for row in rows:
        query, positive, *_ = row["hardneg"]
        there = {at for each in rows for at in each["hardneg"][1:]}
        answers = {tuple(texts[at]) for at in range(6) if (query, at) in {(0, 0), (1, 1), (1, 4), (2, 3), (2, 2)}}
        others = {tuple(texts[at]): at for at in there if tuple(texts[at]) not in answers}
        logits = [float(queries[query] @ documents[at]) / 0.1 for at in (positive, *others.values())]
        expected.append(np.log(np.exp(logits).sum()) - logits[0])
    assert float(loss) == pytest.approx(np.mean(expected), abs=1e-4)


def test_the_peers_trainer_takes_steps_with_it(toy, negatives, model, tmp_path):
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments

    rows, labelled = training_rows(toy, negatives, scores=True)
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(tmp_path),
        max_steps=2,
        per_device_train_batch_size=3,
        report_to="none",
        use_cpu=True,
        logging_steps=1,
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    loss = LabelAwareLoss(model, labelled, loss="kl(teacher_temperature=0.1)", mask="own_score")
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        loss=loss,
        data_collator=IdCollator(preprocess_fn=model.preprocess),
    )
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == 2
    assert np.isfinite(losses).all()
    assert any(not torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_batch_without_positions_and_an_unknown_loss_are_refused(toy, negatives, model):
    rows, _ = training_rows(toy, negatives)
    features, labels = features_of(model, rows.remove_columns("hardneg"))
    with pytest.raises(RunError, match="data_collator=IdCollator"):
        LabelAwareLoss(model, toy)(features, labels)
    with pytest.raises(RecipeError, match="unknown loss 'softmax'"):
        LabelAwareLoss(model, toy, loss="softmax")
