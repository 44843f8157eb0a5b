import json
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder

from hardneg.errors import Interrupted, ModelError, RunError
from hardneg.progress import showing
from hardneg.runs.record import read_record
from hardneg.scoring.folds import assign_folds
from hardneg.sources import BM25
from hardneg.teachers import training
from hardneg.teachers.fit import _prepared
from hardneg.teachers.pairs import labelled_pairs
from hardneg.teachers.settings import TeacherSettings
from hardneg.teachers.start import load_start, weights_fingerprint
from hardneg.teachers.training import train_teacher
from toy import toy_dataset, toy_negatives

SETTINGS = TeacherSettings(
    folds=2, random_per_query=0, batch_size=16, learning_rate=1e-3, precision="fp32", max_tokens=32
)


@pytest.fixture(scope="module")
def taught(tmp_path_factory, tiny_model):
    out = tmp_path_factory.mktemp("teacher")
    return train_teacher(tiny_model, toy_dataset(), toy_negatives(), settings=SETTINGS, out=out)


def weights(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*.safetensors"))}


def test_each_model_is_a_plain_cross_encoder_with_one_label_and_the_limit_of_training(taught):
    for number in range(2):
        model = CrossEncoder(str(taught.path / f"fold-{number}"), device="cpu")
        assert model.num_labels == 1
        assert model.max_seq_length == 32
        recorded = json.loads((taught.path / "teacher.json").read_text())["folds"][str(number)]
        assert recorded["fingerprint"] == weights_fingerprint(model)


def test_a_single_step_moves_the_weights(tmp_path, tiny_model):
    settings = replace(SETTINGS, batch_size=100)
    train_teacher(tiny_model, toy_dataset(), toy_negatives(), settings=settings, out=tmp_path)
    start = weights_fingerprint(load_start(tiny_model, max_tokens=32, seed=0))
    record = json.loads((tmp_path / "teacher.json").read_text())
    assert len({start, *(entry["fingerprint"] for entry in record["folds"].values())}) == 3


def test_no_model_is_trained_on_a_query_of_its_fold(tmp_path, tiny_model, monkeypatch):
    dataset, shown = toy_dataset(), []

    def fit(model, dataset, pairs, **options):
        shown.append(pairs)
        return 0.5

    monkeypatch.setattr(training, "fit", fit)
    settings = replace(SETTINGS, folds=4)
    taught = train_teacher(tiny_model, dataset, toy_negatives(), settings=settings, out=tmp_path)
    fold = assign_folds(dataset, 4, seed=0)
    for number, pairs in enumerate(shown):
        assert number not in fold[pairs.query]
        assert len(pairs) == sum(fold[q] != number for q in [*dataset.pairs_of("train")[0], *toy_negatives()["query"]])
    assert taught.loss == 0.5
    assert (taught.n_folds, taught.n_positives, taught.n_negatives) == (4, 30, 69)


def test_model_learns_what_tells_positives_from_mined_documents(tmp_path, tiny_model):
    # All positives of the toy dataset lie below position 30, all that was mined from there on.
    settings = replace(SETTINGS, epochs=30, batch_size=16, learning_rate=3e-3)
    dataset, negatives = toy_dataset(), toy_negatives()
    taught = train_teacher(tiny_model, dataset, negatives, settings=settings, out=tmp_path)
    assert taught.loss < 0.6
    fold = assign_folds(dataset, 2, seed=0)
    for number in range(2):
        model = CrossEncoder(str(tmp_path / f"fold-{number}"), device="cpu")
        pairs = labelled_pairs(dataset, negatives, split="train", settings=settings)
        held_out = pairs.where(fold[pairs.query] == number)
        texts = zip(
            dataset.query_texts.gather(held_out.query), dataset.document_texts.gather(held_out.document), strict=True
        )
        score = model.predict(list(texts))
        above = score[held_out.positive][:, None] > score[~held_out.positive]
        assert above.mean() > 0.65  # of random scores: 0.5


def test_same_inputs_give_the_same_bytes_also_after_an_interruption(tmp_path, tiny_model, taught, monkeypatch):
    real = training.fit

    def stopped_in_the_second(model, dataset, pairs, **options):
        if (tmp_path / "fold-0").exists():
            signal.raise_signal(signal.SIGINT)
        return real(model, dataset, pairs, **options)

    monkeypatch.setattr(training, "fit", stopped_in_the_second)
    torch.manual_seed(99)  # the state of others' generators must not matter
    with pytest.raises(Interrupted, match="teacher without fold 1 of 2; the 1 finished before it are kept"):
        train_teacher(tiny_model, toy_dataset(), toy_negatives(), settings=SETTINGS, out=tmp_path)
    assert not (tmp_path / "fold-1").exists()

    redone = []
    monkeypatch.setattr(training, "fit", lambda *given, **options: redone.append(1) or real(*given, **options))
    train_teacher(tiny_model, toy_dataset(), toy_negatives(), settings=SETTINGS, out=tmp_path)
    assert len(redone) == 1
    for number in range(2):
        assert weights(tmp_path / f"fold-{number}") == weights(taught.path / f"fold-{number}")


def test_finished_teacher_is_not_trained_again(taught, tiny_model, monkeypatch):
    monkeypatch.setattr(training, "fit", lambda *_given, **_options: pytest.fail("trained again"))
    again = train_teacher(tiny_model, toy_dataset(), toy_negatives(), settings=SETTINGS, out=taught.path)
    assert again == taught


def test_folder_of_another_teacher_is_refused_and_the_difference_named(taught, tiny_model, tmp_path):
    settings = replace(SETTINGS, epochs=2)
    with pytest.raises(RunError, match=r"other inputs: epochs \(1 there, 2 now\)"):
        train_teacher(tiny_model, toy_dataset(), toy_negatives(), settings=settings, out=taught.path)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match="not empty and holds no teacher"):
        train_teacher(tiny_model, toy_dataset(), toy_negatives(), settings=SETTINGS, out=tmp_path)


def test_too_few_queries_for_the_folds_say_so(tmp_path, tiny_model):
    settings = replace(SETTINGS, folds=30)
    with pytest.raises(RunError, match=r"too few queries for 30 folds: of 24 queries fold \d+ got none; take"):
        train_teacher(tiny_model, toy_dataset(), toy_negatives(), settings=settings, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_new_head_depends_on_the_seed_alone(tiny_model):
    torch.manual_seed(1)
    one = weights_fingerprint(load_start(tiny_model, max_tokens=None, seed=0))
    state = torch.random.get_rng_state()
    assert weights_fingerprint(load_start(tiny_model, max_tokens=None, seed=0)) == one
    assert weights_fingerprint(load_start(tiny_model, max_tokens=None, seed=1)) != one
    assert weights_fingerprint(load_start(tiny_model, max_tokens=8, seed=0)) != one
    assert torch.equal(torch.random.get_rng_state(), state)


def test_cross_encoder_keeps_its_head(taught):
    start = load_start(taught.path / "fold-0", max_tokens=None, seed=5)
    assert weights_fingerprint(start) == weights_fingerprint(CrossEncoder(str(taught.path / "fold-0"), device="cpu"))


def test_model_that_cannot_be_loaded_or_takes_no_such_length_is_refused(tmp_path, tiny_model):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"cannot be loaded: .*holds no weights"):
        load_start(tmp_path, max_tokens=None, seed=0)
    with pytest.raises(ModelError, match="positions for 64 tokens; max_tokens is 65"):
        load_start(tiny_model, max_tokens=65, seed=0)


def test_progress_counts_every_pair_of_every_epoch_and_nothing_is_printed(tmp_path, tiny_model, capfd):
    counted = {}

    class Counter:
        def task(self, description, *, total, unit):
            from contextlib import nullcontext

            counted[description] = [total]
            return nullcontext(counted[description].append)

    settings = replace(SETTINGS, epochs=2, batch_size=20)
    with showing(Counter()):
        train_teacher(tiny_model, toy_dataset(), toy_negatives(), settings=settings, out=tmp_path)
    assert len(counted) == 2
    for total, *parts in counted.values():
        assert sum(parts) == total
    assert capfd.readouterr() == ("", "")


def test_positive_weighs_as_much_as_its_negatives_unless_told_otherwise(tmp_path, tiny_model, monkeypatch):
    from hardneg.teachers import fit

    given = []

    class Loss(fit.BinaryCrossEntropyLoss):
        def __init__(self, model, *, pos_weight):
            given.append(float(pos_weight))
            super().__init__(model, pos_weight=pos_weight)

    monkeypatch.setattr(fit, "BinaryCrossEntropyLoss", Loss)
    taught = train_teacher(tiny_model, toy_dataset(), toy_negatives(), settings=SETTINGS, out=tmp_path / "ratio")
    entries = json.loads((taught.path / "teacher.json").read_text())["folds"].values()
    assert given == pytest.approx([entry["n_negatives"] / entry["n_positives"] for entry in entries])
    given.clear()
    settings = replace(SETTINGS, pos_weight=2.5)
    train_teacher(tiny_model, toy_dataset(), toy_negatives(), settings=settings, out=tmp_path / "given")
    assert given == [2.5, 2.5]


def test_diverged_training_is_an_error(tmp_path, tiny_model):
    settings = replace(SETTINGS, learning_rate=1e30, epochs=3)
    with pytest.raises(RunError, match="has diverged"):
        train_teacher(tiny_model, toy_dataset(), toy_negatives(), settings=settings, out=tmp_path)
    assert np.all([not (tmp_path / f"fold-{number}").exists() for number in range(2)])


def test_bfloat16_products_leave_weights_in_float32(tmp_path, tiny_model, taught):
    settings = replace(SETTINGS, precision="bf16")
    reduced = train_teacher(tiny_model, toy_dataset(), toy_negatives(), settings=settings, out=tmp_path)
    assert reduced.loss == pytest.approx(taught.loss, rel=0.05)
    one, other = (CrossEncoder(str(each.path / "fold-0"), device="cpu").state_dict() for each in (taught, reduced))
    assert {weight.dtype for weight in other.values() if weight.is_floating_point()} == {torch.float32}
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_dropout_and_attention_are_as_before_once_a_model_is_trained(tiny_model):
    model = load_start(tiny_model, max_tokens=32, seed=0, device="cpu")
    dropouts = [layer for layer in model.modules() if isinstance(layer, torch.nn.Dropout)]
    before = [layer.p for layer in dropouts], model.model.config._attn_implementation
    with _prepared(model, dropout=False):
        assert {layer.p for layer in dropouts} == {0.0}
        assert model.model.config._attn_implementation == "eager"
    with _prepared(model, dropout=True):
        assert [layer.p for layer in dropouts] == before[0]
    assert ([layer.p for layer in dropouts], model.model.config._attn_implementation) == before
    assert any(before[0])


def test_a_teacher_is_measured_on_what_it_never_saw_if_a_first_stage_is_named(tiny_model, tmp_path):
    dataset = toy_dataset()
    asked = {"settings": SETTINGS, "out": tmp_path / "teacher", "address": "data/toy"}
    unmeasured = train_teacher(tiny_model, dataset, toy_negatives(), **asked)
    assert (unmeasured.evaluation, unmeasured.findings) == (None, [])
    first_stage = BM25(analyzer="plain")
    measured = train_teacher(
        tiny_model, dataset, toy_negatives(), **asked, first_stage=first_stage, depth=10, max_queries=5
    )
    assert replace(measured, evaluation=None) == unmeasured
    assert measured.evaluation["n_queries"] == 5
    assert json.loads((tmp_path / "teacher" / "evaluation.json").read_text()) == measured.evaluation
    record = read_record(tmp_path / "teacher")
    assert (record.command, record.dataset, record.state) == ("teacher train", "data/toy", "finished")
