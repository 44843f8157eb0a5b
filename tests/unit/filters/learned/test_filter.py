from pathlib import Path

import numpy as np
import polars as pl
import pytest

from answer_toy import answer_toy
from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError, RunError
from hardneg.filters import Learned, apply_filters
from hardneg.filters.learned.features import Features
from hardneg.filters.learned.model import AnswerModel, fit_classifier, fold_of, log_odds, unlabelled
from hardneg.sources import BM25, gather

FEATURES = Features("train")


@pytest.fixture(scope="module")
def dataset():
    return answer_toy(n_queries=40)


@pytest.fixture(scope="module")
def candidates(dataset):
    return apply_filters(gather(dataset, (BM25(analyzer="plain"),), dataset.queries_of("train"), 12), dataset, [])


@pytest.fixture(scope="module")
def model(dataset, candidates):
    """Classifiers of known positives, which stand in for hidden ones."""
    described = FEATURES.describe(candidates, dataset).to_numpy()
    planted = (candidates["dropped_by"] == "known_positives").fill_null(value=False).to_numpy()
    fold = fold_of(dataset, candidates["query"].to_numpy(), folds=3, seed=4, group=None)
    classifiers = tuple(fit_classifier(described[fold != i], planted[fold != i], seed=4) for i in range(3))
    return AnswerModel(FEATURES, classifiers, 0.8, -0.1, labelled=0.6, threshold=0.3, seed=4, group=None)


def permuted(dataset, order):
    return Dataset(dataset.queries[order], dataset.documents, dataset.qrels.clear())


def test_folds_follow_the_text_and_not_the_place(dataset):
    order = np.random.default_rng(0).permutation(dataset.n_queries)
    every = np.arange(dataset.n_queries, dtype=np.int32)
    folds = fold_of(dataset, every, folds=5, seed=1, group=None)
    assert set(folds) == set(range(5))
    assert (fold_of(permuted(dataset, order), every, folds=5, seed=1, group=None) == folds[order]).all()
    assert (fold_of(dataset, every[7:9], folds=5, seed=1, group=None) == folds[7:9]).all()
    assert (fold_of(dataset, every, folds=5, seed=2, group=None) != folds).any()


def test_queries_of_equal_text_or_of_one_group_share_a_fold(dataset):
    groups = [None if i % 7 == 0 else f"g{i % 7}" for i in range(40)]
    texts = [dataset.queries["text"][i % 10].upper() if i >= 10 else dataset.queries["text"][i] for i in range(40)]
    queries = dataset.queries.with_columns(text=pl.Series(texts), group=pl.Series(groups))
    again = Dataset(queries, dataset.documents, dataset.qrels)
    every = np.arange(40, dtype=np.int32)
    by_text = fold_of(again, every, folds=4, seed=0, group=None)
    assert (by_text == by_text[every % 10]).all()
    by_group = fold_of(again, every, folds=4, seed=0, group="group")
    assert (by_group == by_group[every % 7]).all()
    assert len(set(by_group)) > 1
    with pytest.raises(RecipeError, match="column 'author', but the queries have: group"):
        fold_of(again, every, folds=4, seed=0, group="author")


def test_each_row_is_judged_by_the_classifier_of_its_fold(model, dataset, candidates):
    table = model.annotate(candidates, dataset)
    described = FEATURES.describe(candidates, dataset).to_numpy()
    fold = fold_of(dataset, candidates["query"].to_numpy(), folds=3, seed=4, group=None)
    for row in range(0, candidates.height, 17):
        raw = log_odds(model.classifiers[fold[row]], described[row : row + 1])[0]
        g = 1 / (1 + np.exp(-(0.8 * raw - 0.1)))
        assert table["p_planted"][row] == pytest.approx(g, rel=1e-5)
        assert table["p_positive"][row] == pytest.approx(min(1, (1 - 0.6) / 0.6 * g / (1 - g)), rel=1e-4)
    assert table.drop("p_planted", "p_positive").equals(candidates)


def test_the_probability_of_an_unlabelled_answer():
    planted = np.array([0.0, 0.1, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(unlabelled(planted, 0.75), [0, 1 / 27, 1 / 3, 1, 1], rtol=1e-12)
    np.testing.assert_allclose(unlabelled(planted, 0.5), [0, 1 / 9, 1, 1, 1], rtol=1e-12)


def test_a_column_of_which_nothing_is_known_is_no_trouble():
    rng = np.random.default_rng(0)
    described = np.stack([rng.normal(size=300), np.full(300, np.nan)], axis=1).astype(np.float32)
    classifier = fit_classifier(described, described[:, 0] > 0.5, seed=0)
    known_later = described.copy()
    known_later[:, 1] = rng.normal(size=300)
    found = log_odds(classifier, described)
    assert (found[described[:, 0] > 0.6] > 0).all()
    np.testing.assert_array_equal(log_odds(classifier, known_later), found)


def test_a_model_is_read_back_as_it_was_written(model, dataset, candidates, tmp_path):
    path = tmp_path / "new" / "model.npz"
    model.save(path)
    assert AnswerModel.load(path).annotate(candidates, dataset).equals(model.annotate(candidates, dataset))
    assert [file.name for file in path.parent.iterdir()] == ["model.npz"]


def test_a_model_that_was_written_anew_is_read_anew(model, tmp_path):
    from dataclasses import replace

    path = tmp_path / "model.npz"
    for threshold in (0.3, 0.7):
        replace(model, threshold=threshold).save(path)
        assert AnswerModel.load(path).threshold == threshold


def test_a_missing_or_damaged_file_is_named(model, tmp_path):
    path = tmp_path / "model.npz"
    with pytest.raises(RunError, match=r"model\.npz cannot be opened .*mine again"):
        AnswerModel.load(path)
    model.save(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(RunError, match=r"model\.npz cannot be read .*delete it and mine again"):
        AnswerModel.load(path)
    np.savez(path, no=np.zeros(3))
    with pytest.raises(RunError, match="holds no learned filter"):
        AnswerModel.load(path)


def test_a_pickle_is_refused_and_never_run(tmp_path):
    import pickle

    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "run",)

    np.savez(tmp_path / "state.npz", state=np.array([Trap()], dtype=object))
    (tmp_path / "bare.npz").write_bytes(pickle.dumps(Trap()))
    for name in ("state.npz", "bare.npz"):
        with pytest.raises(RunError, match=r"cannot be read .*delete it and mine again"):
            AnswerModel.load(tmp_path / name)
    (tmp_path / "learned-0.joblib").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(RunError, match="fitted by an earlier version of hardneg, as a pickle; mine again"):
        AnswerModel.load(tmp_path / "learned-0.joblib")
    assert not (tmp_path / "run").exists()


def test_trees_say_what_scikit_learn_says_to_the_bit(monkeypatch):
    from sklearn.ensemble import HistGradientBoostingClassifier

    fitted, fit = [], HistGradientBoostingClassifier.fit
    monkeypatch.setattr(
        HistGradientBoostingClassifier, "fit", lambda self, *data: fitted.append(fit(self, *data)) or fitted[-1]
    )
    rng = np.random.default_rng(3)
    described = rng.normal(size=(2_000, 6)).astype(np.float32)
    described[rng.random(described.shape) < 0.2] = np.nan
    trees = fit_classifier(described, np.nan_to_num(described[:, 0]) + rng.normal(size=2_000) > 0.5, seed=0)
    others = rng.normal(size=(500, 6)).astype(np.float32)
    others[rng.random(others.shape) < 0.3] = np.nan
    assert len(trees.start) == 150
    for rows in (described, others):
        np.testing.assert_array_equal(log_odds(trees, rows), fitted[0].decision_function(rows))


def test_the_filter_refuses_from_the_threshold_on_and_finds_from_its_own_bound_on(model, dataset, candidates, tmp_path):
    path = tmp_path / "model.npz"
    model.save(path)
    learned = Learned(fitted=str(path), relabel=True, relabel_above=0.5)
    known = model.annotate(candidates, dataset)
    expected = known["p_planted"].to_numpy() < 0.3
    assert 0 < expected.sum() < len(expected)
    np.testing.assert_array_equal(learned.keep(known, dataset), expected)
    np.testing.assert_array_equal(learned.keep(candidates, dataset), expected)
    np.testing.assert_array_equal(learned.found(candidates, dataset), known["p_positive"].to_numpy() >= 0.5)


@pytest.mark.parametrize("p", [0.1, 0.3, 1 / 3, 0.7000000001])
def test_what_lies_at_the_threshold_is_refused_also_after_rounding(model, dataset, tmp_path, p):
    from dataclasses import replace

    path = tmp_path / "model.npz"
    replace(model, threshold=p).save(path)
    row = pl.DataFrame({"p_planted": [p]}, schema={"p_planted": pl.Float32})
    assert not Learned(fitted=str(path)).keep(row, dataset)[0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"budget": 0.0}, "budget is 0.0; set it above 0 and below 1"),
        ({"budget": 1.0}, "budget is 1.0"),
        ({"hide": 1.0}, "hide is 1.0"),
        ({"relabel_above": 0.0}, "relabel_above is 0.0"),
        ({"relabel_above": 1.1}, "relabel_above is 1.1"),
        ({"folds": 1}, "folds is 1"),
        ({"max_queries": 0}, "max_queries is 0"),
    ],
)
def test_values_out_of_range_are_refused_when_the_filter_is_made(values, message):
    with pytest.raises(RecipeError, match=message):
        Learned(**values)


@pytest.mark.parametrize(
    "change", [("left", 0), ("right", 10_000), ("left", -1), ("feature_idx", -1), ("feature_idx", 10_000)]
)
def test_trees_that_lead_out_of_memory_or_round_and_round_are_refused(tmp_path, change):
    described = np.random.default_rng(0).random((400, 6))
    trees = fit_classifier(described, described[:, 0] > 0.6, seed=0)
    column, value = change
    trees.nodes[column][np.flatnonzero(trees.nodes["is_leaf"] == 0)[0]] = value
    AnswerModel(Features("train", None, ()), (trees,), 1.0, 0.0, 0.5, 0.3, 0, None).save(tmp_path / "learned.npz")
    with pytest.raises(RunError):
        log_odds(AnswerModel.load(tmp_path / "learned.npz").classifiers[0], described)
