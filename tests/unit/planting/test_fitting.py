import json
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from answer_toy import ANSWERS, N_TOPICS, answer_toy
from counting_scorer import Counting
from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError, RecipeError
from hardneg.filters import Learned, RankWindow, TeacherThreshold
from hardneg.filters.learned import model as answer_model
from hardneg.filters.learned.model import fold_of
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan, mine_block
from hardneg.pipeline.mining import mine
from hardneg.planting import evidence, fitting
from hardneg.planting.fitting import fit_filters, fit_learned
from hardneg.planting.planting import plant
from hardneg.runs.parts import read_parts
from hardneg.sources import BM25
from hardneg.sources.retrieval import retrieval_table

LEARNED = Learned(max_queries=120, in_doubt="learned")
PLAN = Plan("train", (BM25(analyzer="plain"),), (LEARNED,), Selection(per_query=2), depth=15)
BEFORE = replace(PLAN, filters=())


@pytest.fixture(scope="module")
def dataset():
    return answer_toy()


@pytest.fixture(autouse=True)
def _fit_anew(monkeypatch):
    """Plant once, in all 120 queries of the toy, and keep nothing of the test before."""
    monkeypatch.setattr(evidence, "_FEW_QUERIES", 100)
    evidence.evidence_of.cache_clear()


@dataclass(frozen=True)
class Pointing:
    """Vectors of texts: one direction a topic, and some noise."""

    name: str = "pointing"

    def vectors_of_documents(self, dataset):
        topic = np.arange(dataset.n_documents) // ANSWERS % N_TOPICS
        noise = np.random.default_rng(1).normal(size=(dataset.n_documents, N_TOPICS)) / 4
        return (np.eye(N_TOPICS)[topic] + noise).astype(np.float32)

    def vectors_of_queries(self, dataset, queries):
        noise = np.random.default_rng(2).normal(size=(dataset.n_queries, N_TOPICS)) / 4
        return (np.eye(N_TOPICS)[np.arange(dataset.n_queries) % N_TOPICS] + noise).astype(np.float32)[queries]

    def retrieve(self, dataset, block, depth):
        scores = self.vectors_of_queries(dataset, block) @ self.vectors_of_documents(dataset).T
        document = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
        return retrieval_table(block, document.astype(np.int32), np.take_along_axis(scores, document, 1))

    def score(self, dataset, query, document):
        queries, documents = self.vectors_of_queries(dataset, query), self.vectors_of_documents(dataset)[document]
        return (queries * documents).sum(axis=1)


TEACHER = TeacherThreshold(Counting(), above=1.2)


@pytest.mark.parametrize("budget", [0.02, 0.2])
@pytest.mark.parametrize(
    ("judged", "plan"),
    [(0, BEFORE), (2, BEFORE), (0, replace(BEFORE, sources=(Pointing(),), filters=(TEACHER,)))],
    ids=["words", "judged", "vectors and teacher"],
)
def test_what_mining_lets_through_is_what_the_fit_said_and_within_the_budget(tmp_path, budget, judged, plan):
    dataset, learned = answer_toy(judged=judged), replace(LEARNED, budget=budget)
    model, fit = fit_learned(learned, plan, dataset)
    model.save(tmp_path / "model")
    planted = plant(dataset, "train", seed=0, max_queries=120)

    def mined(*filters):
        again = replace(plan, filters=(*plan.filters, *filters))
        _, negatives = mine_block(planted.dataset, planted.queries, again)
        return negatives, planted.is_hidden(negatives["query"].to_numpy(), negatives["document"].to_numpy()).sum()

    negatives, leaked = mined(replace(learned, fitted=str(tmp_path / "model")))
    assert fit.queries == 120
    assert fit.hidden == len(planted.hidden) == 240
    assert fit.naive_leakage == mined()[1] / 240 > 0.2
    assert fit.leakage == leaked / 240 <= budget
    assert fit.coverage == (negatives.group_by("query").len()["len"] == 2).sum() / 120
    assert fit.p_negative == pytest.approx(negatives["p_positive"].mean(), rel=1e-5)
    assert fit.auc > 0.6  # half of the answers have no label, so nobody can do much better
    assert fit.known


def test_a_larger_budget_never_lowers_the_threshold(dataset):
    fits = [fit_learned(replace(LEARNED, budget=b), BEFORE, dataset)[1] for b in (0.005, 0.02, 0.1, 0.3, 0.999)]
    thresholds = [fit.threshold for fit in fits]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[-1] == float("inf")
    assert all(fit.leakage <= b for fit, b in zip(fits, (0.005, 0.02, 0.1, 0.3, 0.999), strict=True))


def test_several_budgets_share_one_fit_and_other_seeds_or_groups_do_not(monkeypatch):
    calls = []
    monkeypatch.setattr(evidence, "fit_classifier", lambda *args, seed: calls.append(seed) or fit(*args, seed=seed))
    fit = answer_model.fit_classifier
    few = replace(LEARNED, folds=2)
    grouped = replace(few, group="group")
    one, other = (answer_toy(groups=[f"{i % n}" for i in range(120)]) for n in (12, 60))
    assert one.fingerprint == other.fingerprint
    for learned, data, expected in [
        (few, one, 2),
        (replace(few, budget=0.3, relabel=True, relabel_above=0.7), one, 2),
        (replace(few, seed=1), one, 4),
        (grouped, one, 6),
        (grouped, other, 8),
    ]:
        fit_learned(learned, BEFORE, data)
        assert len(calls) == expected


@dataclass(frozen=True)
class Knowing(Counting):
    """A teacher that knows all answers, labelled or not, whatever the texts look like."""

    def score(self, dataset, query, document):
        super().score(dataset, query, document)
        return (document // ANSWERS == query % N_TOPICS).astype(np.float32)


@dataclass(frozen=True)
class Blind:
    """Finds a topic's answers and others in an order that says nothing, and gives no score."""

    name: str = "blind"

    def retrieve(self, dataset, block, depth):
        document = (block[:, None] % N_TOPICS * ANSWERS - ANSWERS + np.arange(depth)) % (N_TOPICS * ANSWERS)
        order = np.argsort(np.random.default_rng(0).random((dataset.n_queries, depth)), axis=1)[block]
        document = np.take_along_axis(document, order, 1)
        return retrieval_table(block, document.astype(np.int32), np.zeros(document.shape, dtype=np.float32))


@pytest.mark.parametrize("way", ["its own scorer", "a filter before it"])
def test_a_teachers_score_reaches_the_classifiers_and_each_pair_is_scored_once(tmp_path, monkeypatch, way):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path))
    toy, teacher = answer_toy(n_queries=N_TOPICS, labelled=5), Knowing(identity=way)
    texts = pl.Series([f"d{i}" for i in range(toy.n_documents)])  # say nothing of the topic
    dataset = Dataset(toy.queries, toy.documents.with_columns(text=texts), toy.qrels, name="answers")
    own = way == "its own scorer"
    before = () if own else (TeacherThreshold(teacher, above=2.0),)
    learned = Learned(scorer=teacher if own else None)
    plan = Plan("train", (Blind(),), (*before, learned), Selection(per_query=2), depth=3 * ANSWERS)
    blind = fit_learned(Learned(), replace(plan, filters=()), dataset)[1]
    assert blind.auc < 0.7 < 0.85 < fit_learned(learned, replace(plan, filters=before), dataset)[1].auc
    options = {"sources": plan.sources, "filters": plan.filters, "select": plan.select, "depth": plan.depth}
    mine(dataset, **options, out=tmp_path / "run")
    candidates = read_parts(tmp_path / "run" / "candidates", dataset).drop_nulls("teacher_score")
    answer = candidates["document"] // ANSWERS == candidates["query"] % N_TOPICS
    assert (candidates["teacher_score"] == answer.cast(pl.Float32)).all()
    scored = [pair for call in teacher.calls for pair in call]
    assert len(scored) == len(set(scored)) > 300


@dataclass(frozen=True)
class Numbering:
    """Finds the documents from a query's topic on and gives each the number of the query as its score."""

    name: str = "numbering"

    def retrieve(self, dataset, block, depth):
        document = (block[:, None] % N_TOPICS * ANSWERS + np.arange(depth)) % dataset.n_documents
        score = np.repeat(block[:, None], depth, axis=1)
        return retrieval_table(block, document.astype(np.int32), score.astype(np.float32))

    def score(self, dataset, query, document):
        return query.astype(np.float32)


def test_no_query_is_scored_by_a_classifier_that_saw_its_fold(dataset, monkeypatch):
    # With this source alone the columns begin with rank, n_sources and score: the number of the query.
    seen, scored = {}, []
    fit, odds = evidence.fit_classifier, answer_model.log_odds

    def spying_fit(described, planted, *, seed):
        classifier = fit(described, planted, seed=seed)
        seen[id(classifier)] = classifier, set(described[:, 2].astype(int))
        return classifier

    def spying_odds(classifier, described):
        scored.append((id(classifier), set(described[:, 2].astype(int))))
        return odds(classifier, described)

    monkeypatch.setattr(evidence, "fit_classifier", spying_fit)
    monkeypatch.setattr(answer_model, "log_odds", spying_odds)
    plan = replace(BEFORE, sources=(Numbering(),), depth=20)
    model, _ = fit_learned(LEARNED, plan, dataset)
    model.annotate(mine_block(dataset, dataset.queries_of("train"), plan)[0], dataset)
    assert len(seen) == 5
    assert len(scored) == 10
    for which, queries in scored:
        assert queries
        assert queries.isdisjoint(seen[which][1])
    assert set.union(*(queries for _, queries in scored[:5])) == set(range(120))
    for number, (_, queries) in enumerate(seen.values()):
        left_out = fold_of(dataset, np.arange(120, dtype=np.int32), folds=5, seed=0, group=None) == number
        assert queries == set(np.flatnonzero(~left_out).tolist())


def test_queries_with_a_single_positive_are_enough():
    single = answer_toy(labelled=1)
    model, fit = fit_learned(replace(LEARNED, budget=0.05), BEFORE, single)
    assert not fit.known
    assert fit.hidden > 100
    assert fit.leakage <= 0.05 < fit.naive_leakage
    candidates, _ = mine_block(single, single.queries_of("train"), BEFORE)
    assert np.isfinite(model.annotate(candidates, single)["p_planted"].to_numpy()).all()


def test_too_few_answers_are_refused(dataset):
    with pytest.raises(DatasetError, match=r"of the positives hidden, \d+ were retrieved, and it needs 30"):
        fit_learned(LEARNED, replace(BEFORE, filters=(RankWindow("bm25", low=14),)), dataset)
    with pytest.raises(DatasetError, match="no positive can be hidden"):
        fit_learned(LEARNED, BEFORE, answer_toy(n_queries=1, labelled=1))


def test_a_group_that_leaves_nothing_to_learn_from_is_refused():
    one = answer_toy(groups=["all"] * 120)
    with pytest.raises(DatasetError, match=r"outside fold \d of 5 have no answers; .*a group of more values than"):
        fit_learned(replace(LEARNED, group="group"), BEFORE, one)
    with pytest.raises(RecipeError, match="column 'author'"):
        fit_learned(replace(LEARNED, group="author"), BEFORE, one)


def test_the_same_inputs_give_the_same_bytes(dataset, tmp_path):
    tables = []
    for name in "ab":
        plan = fit_filters(PLAN, answer_toy(), tmp_path / name)
        evidence.evidence_of.cache_clear()
        tables.append(mine_block(dataset, dataset.queries_of("train"), plan)[0])
    assert tables[0]["p_planted"].to_numpy().tobytes() == tables[1]["p_planted"].to_numpy().tobytes()
    assert_frame_equal(tables[0], tables[1])


def test_a_fitted_filter_is_reported_and_fitted_once(dataset, tmp_path, monkeypatch):
    plan = fit_filters(PLAN, dataset, tmp_path)
    report = json.loads((tmp_path / "learned-0.json").read_text())
    assert report["leakage"] <= LEARNED.budget
    assert plan.filters[0].fitted == str(tmp_path / "learned-0.npz")
    monkeypatch.setattr(fitting, "fit_learned", None)
    assert fit_filters(PLAN, dataset, tmp_path) == plan
    assert fit_filters(plan, dataset, tmp_path / "other") == plan
    assert not (tmp_path / "other").exists()


def test_mining_gives_the_same_rows_for_any_blocks_and_after_a_part_was_lost(dataset, tmp_path, monkeypatch):
    settings = {"sources": PLAN.sources, "filters": PLAN.filters, "select": PLAN.select, "depth": 15}
    in_memory = mine(dataset, **settings, block_size=50)
    assert in_memory.funnel["dropped"]["learned"] > 100
    monkeypatch.setattr(fitting, "fit_learned", None)  # the second time in memory the cache has it
    assert_frame_equal(mine(dataset, **settings).negatives, in_memory.negatives)
    monkeypatch.undo()
    monkeypatch.setattr(evidence, "_FEW_QUERIES", 100)
    tables = []
    for block_size in (7, 4096):
        out = tmp_path / str(block_size)
        evidence.evidence_of.cache_clear()
        assert_frame_equal(mine(dataset, **settings, block_size=block_size, out=out).negatives, in_memory.negatives)
        tables.append(read_parts(out / "candidates", dataset))
    assert_frame_equal(*tables)
    fitted = tmp_path / "7" / "filters" / "learned-0.npz"
    before = fitted.stat().st_mtime_ns
    for table in ("candidates", "negatives"):
        (tmp_path / "7" / table / "part-00003.parquet").unlink()
    monkeypatch.setattr(fitting, "fit_learned", None)
    assert_frame_equal(mine(dataset, **settings, out=tmp_path / "7").negatives, in_memory.negatives)
    assert_frame_equal(read_parts(tmp_path / "7" / "candidates", dataset), tables[0])
    assert fitted.stat().st_mtime_ns == before
