import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardneg.data.dataset import Dataset
from hardneg.errors import InputError, ModelError, RunError
from hardneg.files import replacing, write_json
from hardneg.scoring import Scorer
from hardneg.scoring.cross_fitted import CrossFittedTeacher
from hardneg.scoring.folds import assign_folds
from hardneg.teachers import training
from hardneg.teachers.folder import TeacherFolder
from hardneg.teachers.settings import TeacherSettings
from hardneg.teachers.start import load_start
from hardneg.teachers.training import train_teacher
from toy import toy_dataset, toy_negatives

SETTINGS = TeacherSettings(folds=2, learning_rate=1e-3, precision="fp32", max_tokens=32)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory, tiny_model):
    out = tmp_path_factory.mktemp("teacher")
    train_teacher(tiny_model, toy_dataset(), toy_negatives(), settings=SETTINGS, out=out)
    return CrossFittedTeacher(out, precision="fp32", device="cpu")


def pairs_of(dataset, n=60):
    rng = np.random.default_rng(3)
    query = rng.integers(dataset.n_queries, size=n).astype(np.int32)
    return query, rng.integers(dataset.n_documents, size=n).astype(np.int32)


def scores_of(teacher, fold, dataset, query, document):
    from hardneg.scoring.cross_encoder import CrossEncoder

    model = CrossEncoder(str(teacher.path / f"fold-{fold}"), precision="fp32", device="cpu")
    return model.score(dataset, query, document)


def test_queries_of_the_split_are_scored_by_the_model_without_their_fold(teacher):
    dataset = toy_dataset()
    query, document = pairs_of(dataset)
    fold = assign_folds(dataset, 2, seed=0)[query]
    each = [scores_of(teacher, number, dataset, query, document) for number in range(2)]
    assert isinstance(teacher, Scorer)
    np.testing.assert_allclose(teacher.score(dataset, query, document), np.where(fold == 0, *each), rtol=1e-5)


def test_queries_that_no_model_saw_get_the_mean(teacher):
    toy = toy_dataset()
    new = replace(toy, queries=toy.queries.with_columns(text=pl.lit("du de ") + pl.col("text")))
    query, document = pairs_of(new)
    each = [scores_of(teacher, number, new, query, document) for number in range(2)]
    np.testing.assert_allclose(teacher.score(new, query, document), np.mean(each, axis=0), rtol=1e-5)


def test_score_of_a_pair_does_not_depend_on_the_other_pairs_or_on_ids(teacher):
    dataset = toy_dataset()
    query, document = pairs_of(dataset)
    score = teacher.score(dataset, query, document)
    assert score.dtype == np.float32
    order = np.arange(len(query))[::-1].copy()
    np.testing.assert_allclose(teacher.score(dataset, query[order], document[order]), score[order], rtol=1e-5)
    upper = dataset.queries.select(id="x" + pl.col("id"), text=pl.col("text").str.to_uppercase())
    np.testing.assert_allclose(teacher.score(replace(dataset, queries=upper), query, document), score, rtol=1e-5)
    assert teacher.score(dataset, query[:0], document[:0]).shape == (0,)


def test_fingerprint_covers_every_model_and_the_folds(teacher, tmp_path, tiny_model):
    import shutil

    whole = teacher.fingerprint()
    assert whole == teacher.fingerprint()
    assert replace(teacher, max_tokens=16).fingerprint() != whole
    shutil.copytree(teacher.path, tmp_path / "copy")
    copy = replace(teacher, path=tmp_path / "copy")
    assert copy.fingerprint() == whole
    table = pl.read_parquet(tmp_path / "copy" / "folds.parquet")
    with replacing(tmp_path / "copy" / "folds.parquet") as temporary:
        table.with_columns(fold=1 - pl.col("fold")).write_parquet(temporary)
    assert copy.fingerprint() != whole


def test_repr_is_the_component():
    assert repr(CrossFittedTeacher("runs/teacher")).startswith(
        "CrossFittedTeacher(path='runs/teacher', max_tokens=None"
    )


def test_folder_without_a_finished_teacher_is_refused(tmp_path):
    query = np.zeros(1, np.int32)
    teacher = CrossFittedTeacher(tmp_path)
    with pytest.raises(ModelError, match=r"holds no teacher .*hardneg teacher train DATASET"):
        teacher.score(toy_dataset(), query, query)
    record = {"n_folds": 3, "group": None, "folds": {"0": {}, "1": {}}}
    (tmp_path / "teacher.json").write_text(json.dumps(record))
    with pytest.raises(ModelError, match="has done 2 of 3 folds; run the same command again"):
        teacher.fingerprint()
    (tmp_path / "teacher.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        teacher.fingerprint()


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["du", "DU ", "de", "gi", "Gi", "ko", "lu", "dude", "gilu", "kodu"]),
        st.one_of(st.none(), st.sampled_from("uvwxyz")),
        st.sampled_from(["train", "train", "dev"]),
    ),
    min_size=4,
    max_size=14,
)


def dataset_of(rows):
    n = len(rows)
    texts, groups, splits = zip(*rows, strict=True)
    queries = pl.DataFrame(
        {"id": [f"q{i}" for i in range(n)], "text": texts, "chat": pl.Series(groups, dtype=pl.String)}
    )
    documents = pl.DataFrame({"id": [f"d{i}" for i in range(n + 1)], "text": [f"document {i}" for i in range(n + 1)]})
    labels = {"query_id": [f"q{i}" for i in range(n)], "doc_id": [f"d{i}" for i in range(n)]}
    qrels = pl.DataFrame({**labels, "relevance": [1] * n, "split": splits})
    return Dataset.from_tables(queries, documents, qrels)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, asked=ROWS, n_folds=st.integers(2, 3), seed=st.integers(0, 5), grouped=st.booleans())
def test_no_pair_is_scored_by_a_model_that_was_trained_on_its_query(
    rows, asked, n_folds, seed, grouped, tmp_path_factory, monkeypatch, tiny_model
):
    """Neither on the query itself, nor on one of the same text or group; in the same dataset and in another."""
    dataset, other = dataset_of(rows), dataset_of(asked)
    shown, scored = [], []

    def fit(_model, dataset, pairs, **_options):
        texts = dataset.query_texts.gather(pairs.query).str.strip_chars().str.to_lowercase()
        shown.append((set(texts), set(dataset.queries["chat"].gather(pairs.query).drop_nulls()) if grouped else set()))
        return 0.0

    def keep(folder, record, fold, _model, entry):  # writing a model takes longer than all else here
        record["folds"][str(fold)] = entry
        write_json(folder.record_file, record)

    class Model:
        def __init__(self, fold):
            self.fold = fold

        def score(self, dataset, query, document):
            rows = dataset.queries[query.tolist()]
            scored.extend((self.fold, text.strip().lower(), chat) for _, text, chat in rows.iter_rows())
            return np.full(len(query), self.fold, np.float32)

    start = load_start(tiny_model, max_tokens=None, seed=0)
    monkeypatch.setattr(training, "load_start", lambda *_given, **_options: start)
    monkeypatch.setattr(training, "fit", fit)
    monkeypatch.setattr(TeacherFolder, "keep", keep)
    monkeypatch.setattr(CrossFittedTeacher, "_model", lambda _teacher, fold: Model(fold))
    out = tmp_path_factory.mktemp("teacher")
    negatives = pl.DataFrame({"query": range(len(rows)), "document": [len(rows)] * len(rows)})
    options = TeacherSettings(folds=n_folds, seed=seed, group="chat" if grouped else None)
    try:
        train_teacher(tiny_model, dataset, negatives, settings=options, out=out)
    except InputError:  # too few queries for the folds, or none of the split
        return
    for each in (dataset, other):
        query = np.arange(each.n_queries, dtype=np.int32)
        scored.clear()
        try:
            score = CrossFittedTeacher(out).score(each, query, np.zeros_like(query))
        except RunError as error:
            assert grouped  # only groups can tear a query apart
            assert "every model was trained on one of them" in str(error)  # noqa: PT017
            continue
        assert len(scored) >= len(query)
        for fold, text, chat in scored:
            assert text not in shown[fold][0]
            assert chat is None or chat not in shown[fold][1]
        unseen = (n_folds - 1) / 2
        assert set(score.tolist()) <= {*map(float, range(n_folds)), unseen}
