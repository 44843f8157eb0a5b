from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import polars as pl
import pytest

from hardneg.audits.planted import audit_planted
from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError, RecipeError
from hardneg.filters import NearDuplicate, PositiveMargin, RankWindow
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan, mine_block
from hardneg.planting.planting import plant
from hardneg.sources import BM25, Random
from labelled_toy import Ladder, labelled_toy


@dataclass(frozen=True)
class Oracle:
    """Refuses whatever the complete truth calls an answer."""

    truth: Dataset

    name: ClassVar[str] = "oracle"
    exempts_judged: ClassVar[bool] = False

    def keep(self, candidates, dataset):
        return ~self.truth.is_answer(candidates["query"].to_numpy(), candidates["document"].to_numpy())


def _plan(*filters, sources=None, per_query=3, depth=50, **select):
    select = Selection(per_query=per_query, **select)
    return Plan("train", sources or (Ladder(()),), filters, select, depth=depth, seed=0)


def _by_hand(dataset, plan, seed, share=0.5):
    """Count with loops, straight from the tables."""
    planted = plant(dataset, plan.split, share=share, seed=seed)
    candidates, negatives = mine_block(planted.dataset, planted.queries, plan)
    hidden = {tuple(divmod(int(key), planted.hidden.width)) for key in planted.hidden.keys}
    chosen = list(negatives.select("query", "document", "rank").iter_rows())
    leaked = sum((q, d) in hidden for q, d, _ in chosen)
    full = sum(sum(q == query for q, _, _ in chosen) >= plan.select.per_query for query in planted.queries)
    others = [(q, d, rank) for q, d, rank in chosen if (q, d) not in hidden]
    score = {(q, d): s for q, d, s in candidates.select("query", "document", "score.ladder").iter_rows()}
    relative = []
    for q, d, _ in others:
        weakest = min(score[q, int(p)] for p in planted.dataset.positives.of(q))
        relative.append((score[q, d] - weakest + abs(weakest), abs(weakest)))
    return {
        "contamination": (leaked, len(chosen)),
        "leakage": (leaked, len(hidden)),
        "coverage": (full, len(planted.queries)),
        "rank": (sum(rank for _, _, rank in others), len(others)),
        "score": (sum(score[q, d] for q, d, _ in others), len(others)),
        "relative": tuple(map(sum, zip(*relative, strict=True))),
    }


@pytest.mark.parametrize("filters", [(), (PositiveMargin(ratio=0.98),), (RankWindow("ladder", low=5, high=7),)])
@pytest.mark.parametrize("block_size", [4096, 3])
def test_figures_are_those_of_a_count_by_hand(filters, block_size):
    dataset = labelled_toy()
    plan = _plan(*filters)
    audit = audit_planted(dataset, plan, seeds=(0, 5), block_size=block_size)
    counts = [_by_hand(dataset, plan, seed) for seed in (0, 5)]
    for name in counts[0]:
        above, below = (sum(each[name][side] for each in counts) for side in (0, 1))
        figure = audit.figures[name]
        assert figure.n == (below if name != "relative" else audit.figures["score"].n)
        assert figure.value == pytest.approx(above / below, rel=1e-6)
        assert figure.low <= figure.value + 1e-12
        assert figure.value <= figure.high + 1e-12


def test_a_filter_that_knows_the_truth_lets_nothing_through():
    dataset = labelled_toy()
    audit = audit_planted(dataset, _plan(Oracle(dataset)))
    assert audit.figures["contamination"].value == audit.figures["leakage"].value == 0
    assert audit.figures["coverage"].value == audit.figures["retrieved"].value == 1
    oracle = audit.filters().filter(pl.col("filter") == "oracle").row(0, named=True)
    assert oracle["recall"] == 1
    assert oracle["others_refused"] == 0


def test_naive_mining_leaks_what_arithmetic_says():
    """The source lists the four answers first; two are hidden, two are known; three negatives are taken."""
    lists = tuple(tuple((q + j) % 50 for j in range(4)) for q in range(20))
    audit = audit_planted(labelled_toy(), _plan(sources=(Ladder(lists),)))
    assert audit.figures["contamination"].value == pytest.approx(2 / 3)
    assert audit.figures["contamination"].low == audit.figures["contamination"].high == pytest.approx(2 / 3)
    assert audit.figures["leakage"].value == 1
    assert audit.figures["rank"].value == 5
    windowed = audit_planted(labelled_toy(), _plan(RankWindow("ladder", low=5), sources=(Ladder(lists),)))
    assert windowed.figures["contamination"].value == 0
    assert windowed.figures["rank"].value == 6


def test_random_negatives_are_contaminated_as_often_as_chance_says():
    """48 documents are no known answer, 2 of them hidden: 2 in 48 of what is drawn."""
    audit = audit_planted(
        labelled_toy(), _plan(sources=(Random(seed=1),), per_query=10), seeds=range(40), score="random"
    )
    figure = audit.figures["contamination"]
    assert figure.value == pytest.approx(2 / 48, abs=0.006)
    assert audit.figures["score"].value is None


def test_sources_and_filters_are_counted_apart():
    dataset = labelled_toy()
    lists = tuple(tuple((q + j) % 50 for j in range(4)) for q in range(20))
    plan = _plan(
        NearDuplicate(), sources=(Ladder(lists), Random(seed=3)), per_query=4, quotas={"ladder": 2, "random": 2}
    )
    audit = audit_planted(dataset, plan, seeds=(0,))
    sources = {row["source"]: row for row in audit.sources().to_dicts()}
    assert sources["ladder"]["hidden_retrieved"] == 40
    assert sources["ladder"]["hidden_selected"] == 40
    assert sources["ladder"]["contamination"] == 1
    assert sources["random"]["selected"] == 40
    total = int(audit.outcome.queries["hidden_selected"].sum())
    assert total == sum(row["hidden_selected"] for row in sources.values())
    refused = {row["filter"]: row for row in audit.filters().to_dicts()}
    assert refused["known_positives"]["hidden_refused"] == 0
    assert refused["known_positives"]["others_refused"] == 40


def test_a_copy_of_a_hidden_document_counts_as_it_and_once():
    toy = labelled_toy()
    texts = toy.documents["text"].to_list()
    texts[49] = texts[0].upper()  # document 0 answers query 0 alone among those with copies
    dataset = Dataset(toy.queries, toy.documents.with_columns(text=pl.Series(texts)), toy.qrels)
    lists = (tuple([49, 0, 1, 2, 3]), *[()] * 19)
    for seed in range(6):
        audit = audit_planted(dataset, _plan(sources=(Ladder(lists),)), seeds=(seed,))
        row = audit.outcome.queries.filter(pl.col("query") == 0).row(0, named=True)
        assert (row["hidden"], row["hidden_retrieved"], row["hidden_selected"]) == (2, 2, 2)


def test_queries_without_candidates_are_counted():
    audit = audit_planted(
        labelled_toy(), _plan(RankWindow("ladder", low=49, high=50), depth=10, per_query=2), seeds=(0,)
    )
    assert audit.outcome.queries["selected"].sum() == 0
    assert audit.figures["coverage"].value == 0
    assert audit.figures["contamination"].value is None
    assert audit.figures["leakage"].value == 0


def test_groups_are_drawn_together_and_shown_apart():
    dataset = labelled_toy(subject=["a"] * 10 + ["b"] * 8 + [None] * 2)
    lists = tuple(tuple((q + j) % 50 for j in range(4)) if q < 10 else () for q in range(20))
    plain = audit_planted(dataset, _plan(RankWindow("ladder", high=40), sources=(Ladder(lists),)), seeds=(0,))
    grouped = audit_planted(
        dataset, _plan(RankWindow("ladder", high=40), sources=(Ladder(lists),)), seeds=(0,), group="subject"
    )
    assert plain.groups() is None
    assert grouped.figures["contamination"].value == plain.figures["contamination"].value
    width = {
        name: each.figures["contamination"].high - each.figures["contamination"].low
        for name, each in (("plain", plain), ("grouped", grouped))
    }
    assert width["grouped"] > width["plain"]
    groups = grouped.groups()
    assert groups["group"].to_list() == ["None", "a", "b"]
    assert groups.filter(pl.col("group") == "a")["leakage"][0] == 1
    assert groups["queries"].to_list() == [2, 10, 8]


def test_groups_of_documents_are_those_of_the_first_positive():
    toy = labelled_toy(n_queries=4)
    dataset = Dataset(
        toy.queries, toy.documents.with_columns(book=pl.Series([f"b{i // 2}" for i in range(50)])), toy.qrels
    )
    audit = audit_planted(dataset, _plan(), seeds=(0,), group="book")
    assert audit.outcome.queries["group"].to_list() == ["b0", "b0", "b1", "b1"]
    with pytest.raises(RecipeError, match="have a column 'chapter'; they have: book"):
        audit_planted(dataset, _plan(), seeds=(0,), group="chapter")


def test_fitting_sees_only_what_is_not_hidden():
    dataset = labelled_toy()
    seen = []

    def fit(plan, planted):
        seen.append(len(planted.positives))
        return replace(plan, filters=(Oracle(dataset),))

    audit = audit_planted(dataset, _plan(), seeds=(0, 1), fit=fit)
    assert seen == [40, 40]
    assert audit.figures["leakage"].value == 0


def test_negative_scores_keep_the_meaning_of_relative():
    @dataclass(frozen=True)
    class Below(Ladder):
        name: str = "ladder"

        def retrieve(self, dataset, block, depth):
            table = super().retrieve(dataset, block, depth)
            return table.with_columns(pl.col("score") - 2)

        def score(self, dataset, query, document):
            return super().score(dataset, query, document) - 2

    audit = audit_planted(labelled_toy(), _plan(sources=(Below(()),), per_query=45, depth=50), seeds=(0,))
    planted = plant(labelled_toy(), "train", seed=0)
    candidates, negatives = mine_block(planted.dataset, planted.queries, _plan(sources=(Below(()),), per_query=45))
    expected = []
    score = {(q, d): s for q, d, s in candidates.select("query", "document", "score.ladder").iter_rows()}
    for q, d in negatives.select("query", "document").iter_rows():
        if not planted.hidden.contains(np.array([q]), np.array([d]))[0]:
            weakest = min(score[q, int(p)] for p in planted.dataset.positives.of(q))
            assert weakest < 0
            expected.append((score[q, d] - weakest, abs(weakest)))
    differences, magnitudes = map(sum, zip(*expected, strict=True))
    assert audit.figures["relative"].value == pytest.approx(1 + differences / magnitudes, rel=1e-6)
    assert audit.figures["relative"].value < 1


def test_an_audit_of_words_is_an_object_for_json():
    audit = audit_planted(labelled_toy(), _plan(sources=(BM25(),)), seeds=(0,))
    shown = audit.as_dict()
    assert shown["kind"] == "planted"
    assert shown["score"] == "bm25"
    assert set(shown["figures"]) == set(audit.frame()["measure"])
    assert any("lower bound" in line for line in shown["caveats"])
    assert any("missing at random" in line for line in shown["caveats"])


def test_single_positives_cannot_be_audited():
    with pytest.raises(DatasetError, match="can be hidden"):
        audit_planted(labelled_toy(positives=1), _plan())


def test_the_estimate_counts_what_nobody_labelled():
    """Answers are the first 10 documents of each list; 5 are labelled at random, so half stay unknown."""
    rng = np.random.default_rng(0)
    n_queries = 60
    lists = tuple(tuple(int(d) for d in rng.permutation(200)[:10]) for _ in range(n_queries))
    labels = [(q, d) for q, answers in enumerate(lists) for d in rng.permutation(answers)[:5]]
    toy = labelled_toy(n_queries=n_queries, n_documents=200)
    qrels = pl.DataFrame(labels, schema={"query": pl.Int32, "document": pl.Int32}, orient="row")
    dataset = Dataset(
        toy.queries, toy.documents, qrels.with_columns(relevance=pl.lit(1, pl.Int32), split=pl.lit("train"))
    )
    plan = _plan(sources=(Ladder(lists),), per_query=12, depth=30)
    audit = audit_planted(dataset, plan, seeds=(0,), estimate=True)
    _, negatives = mine_block(plant(dataset, "train", seed=0).dataset, dataset.queries_of("train"), plan)
    truth = np.mean([d in lists[q] for q, d in negatives.select("query", "document").iter_rows()])
    found = audit.unlabelled
    assert found.bound.value == audit.figures["contamination"].value
    assert found.bound.high < truth
    assert found.estimate.value == pytest.approx(truth, rel=0.15)
    assert audit.as_dict()["unlabelled"]["estimate"]["value"] == found.estimate.value
    with pytest.raises(DatasetError, match="0 hidden ones are among the candidates"):
        audit_planted(dataset, _plan(Oracle(dataset), sources=(Ladder(lists),)), seeds=(0,), estimate=True)
