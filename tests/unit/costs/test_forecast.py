from dataclasses import replace

import pytest

from hardneg.costs import Estimate, Machines, Moving, Sizes, StageCost, Texts, Trials, Workload, forecast
from hardneg.costs.forecast import in_shards

TINY = Sizes(documents=400, queries=10)


def mined(given):
    """What a trial of mining costs: proportional to the documents but for a second for each stage."""
    n, queries = given["documents"], given["queries"]
    stage = {"once_s": 1 + n / 100, "block_s": queries * n / 1_000, "memory_gb": 1 + n / 1_000}
    return {"start_s": 2.0, "block_bytes": queries * 1_000} | dict.fromkeys(
        ("read", *given["sources"], "filters"), stage
    )


FOUND = {
    "mining": mined,
    "encoding": {"start_s": 5.0, "document_s": 0.1, "query_s": 0.02, "dim": 250, "memory_gb": 1.0},
    "scoring": {"start_s": 4.0, "pair_s": 0.05, "memory_gb": 1.5},
    "training": {"start_s": 7.0, "step_s": 2.0, "memory_gb": 3.0, "disk_gb": 0.1},
}


@pytest.fixture
def asked(monkeypatch):
    """Trials whose cost is known; which ones were asked for."""
    asked = []

    def trial(self, name, given):
        asked.append((name, given))
        return FOUND[name](given) if callable(FOUND[name]) else FOUND[name]

    monkeypatch.setattr(Trials, "trial", trial)
    return asked


@pytest.fixture
def known(asked, tmp_path):
    """A calibration that has tried everything."""
    return Trials(tmp_path, Texts(["x" * 1_000], ["q"], "toy"), sizes=TINY)


def test_every_stage_is_what_its_trial_took_times_how_much_there_is(known):
    work = Workload(
        documents=1_000, queries=100, sources=("bm25", "dense"), model="m", teacher="t", per_query=3, train_steps=50
    )
    found = {stage.name: stage for stage in forecast(work, known).stages}
    assert {name: stage.seconds for name, stage in found.items()} == pytest.approx(
        {
            "start": 5 + 4 + 7,
            "read the dataset": 11,
            "encode documents": 100,
            "encode queries": 2,
            "index for BM25": 11,
            "search with BM25": 100,
            "load vectors": 11,
            "search vectors": 100,
            "prepare filters": 11,
            "filter, choose, write": 100,
            "score by the teacher": 20,
            "train": 100,
        }
    )
    assert found["search vectors"].memory_gb == pytest.approx(2)
    assert found["encode documents"].disk_gb == pytest.approx(0.001)
    assert found["filter, choose, write"].disk_gb == pytest.approx(1e-4)


def test_much_is_tried_at_two_sizes_and_little_as_it_is(known, asked):
    work = {"sources": ("bm25",), "queries": 4}
    forecast(Workload(documents=1_000, **work), known)
    forecast(Workload(documents=300, **work), known)
    assert [given["documents"] for _, given in asked] == [100, 400, 300]
    assert {given["queries"] for _, given in asked} == {4}


def test_long_texts_and_vectors_are_tried_on_fewer(known, asked):
    few = replace(known, sizes=replace(TINY, text_bytes=80_000, vector_bytes=32 * 64))
    forecast(Workload(documents=1_000, queries=4, sources=("bm25",)), few)
    forecast(Workload(documents=1_000, queries=4, sources=("vectors",), dim=8), few)
    assert [given["documents"] for _, given in asked] == [20, 80, 16, 64]


def test_a_teacher_alone_mines_nothing(known, asked):
    found = forecast(Workload(documents=10, queries=5, sources=(), teacher="t", score_pairs=40), known)
    assert [stage.name for stage in found.stages] == ["start", "score by the teacher"]
    assert [name for name, _ in asked] == ["scoring"]


def test_machines_share_what_can_be_shared():
    found = Estimate(
        (
            StageCost("a", "", 7_200, 1),
            StageCost("b", "", 1_800, 2, 3, "on each"),
            StageCost("c", "", 600, 1, 4, "on one"),
        )
    )
    assert found.seconds() == 9_600
    assert found.seconds(4) == 4_200
    assert (found.memory_gb, found.disk_gb) == (2, 7)
    assert [found.machines(hours) for hours in (3, 1, 0.6)] == [1, 6, None]


@pytest.mark.parametrize("hours", [0.7, 1, 1.3, 2, 5])
def test_the_number_of_machines_is_the_smallest_that_is_done_in_time(hours):
    found = Estimate((StageCost("a", "", 10_000, 1), StageCost("b", "", 2_400, 2, 3, "on each")))
    machines = found.machines(hours)
    assert found.seconds(machines) <= hours * 3600
    assert machines == 1 or found.seconds(machines - 1) > hours * 3600


def test_each_of_several_machines_brings_its_own_copy_and_more_of_them_are_not_always_faster():
    stages = (StageCost("read", "", 0, 1, 2.0, "on each"), StageCost("mine", "", 36_000, 1, 5.0))
    found = Estimate(stages, vectors_gb=3.0, rows=10**9)
    assert found.moving.gb(1) == {}
    moved = {"texts, to each machine": 8.0, "vectors, to each machine": 12.0, "what is written": 5.0}
    assert found.moving.gb(4) == moved
    assert found.seconds(4, network_gbps=8) == 36_000 / 4 + 25
    fastest = min(range(1, 2_000), key=lambda machines: found.seconds(machines, network_gbps=8))
    least = found.seconds(fastest, network_gbps=8)
    assert found.machines(least / 3_600 * 1.0001, network_gbps=8) <= fastest
    assert found.machines(least / 3_600 * 0.999, network_gbps=8) is None
    for hours in (1, 2, 9.99, 10, 11):
        machines = found.machines(hours, network_gbps=8)
        assert found.seconds(machines, network_gbps=8) <= hours * 3_600
        assert machines == 1 or found.seconds(machines - 1, network_gbps=8) > hours * 3_600
    assert found.price(Machines(4, 8, 0.5)) == pytest.approx(4 * 0.5 * (9_000 + 25) / 3_600)


def test_the_plan_of_a_thousand_million_documents_moves_what_the_simulation_sends():
    plan = Moving(vectors_gb=1e9 * 384 * 4e-9, rows=10**8 * 100)
    assert plan.shards == 192
    moved = plan.gb(2_000)
    assert moved["what shards found"] == pytest.approx(15_400, rel=0.01)  # 15 TB
    assert moved["vectors, in shards"] == pytest.approx(2_000 * 8, rel=0.001)
    shards = in_shards([StageCost("load vectors", "", 192.0, 1, spread="on each")], plan.vectors_gb)
    assert Estimate(tuple(shards), vectors_gb=plan.vectors_gb).seconds(2_000) == 1.0
