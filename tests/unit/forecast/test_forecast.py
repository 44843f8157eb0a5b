import pytest

from hardneg.forecast import Calibration, Forecast, Stage, Texts, Workload, forecast

FOUND = {
    "mining": {"query_s": 0.01, "query_bytes": 1_000, "block_gb": 0.5, "base_gb": 0.2, "document_s": 0.001},
    "encoding": {"document_s": 0.1, "query_s": 0.02, "dim": 250, "memory_gb": 1.0},
    "bm25": {
        "document_s": 0.002,
        "query_s": [[100, 0.001], [200, 0.002]],
        "memory_gb": [[100, 0.3], [200, 0.4]],
        "base_gb": 0.2,
    },
    "vectors": {"query_s": [[100, 0.01], [200, 0.02]], "memory_gb": [[100, 0.4], [200, 0.6]], "base_gb": 0.2},
    "scoring": {"pair_s": 0.05, "memory_gb": 1.5},
    "training": {"step_s": 2.0, "memory_gb": 3.0, "disk_gb": 0.1},
}


@pytest.fixture
def known(monkeypatch, tmp_path):
    """A calibration that has tried everything."""
    monkeypatch.setattr(Calibration, "trial", lambda self, name, given: FOUND[name])
    return Calibration(tmp_path, Texts(["x" * 1_000], ["q"], "toy"))


def test_every_stage_is_what_its_trial_took_times_how_much_there_is(known):
    work = Workload(
        documents=1_000, queries=100, sources=("bm25", "dense"), model="m", teacher="t", per_query=3, train_steps=50
    )
    found = {stage.name: stage for stage in forecast(work, known).stages}
    assert {name: stage.seconds for name, stage in found.items()} == pytest.approx(
        {
            "read the dataset": 1,
            "encode documents": 100,
            "encode queries": 2,
            "index for BM25": 2,
            "search with BM25": 1,
            "search vectors": 10,
            "filter, choose, write": 1,
            "score by the teacher": 20,
            "train": 100,
        }
    )
    assert found["index for BM25"].memory_gb == pytest.approx(0.001 + 1.2)
    assert found["search vectors"].memory_gb == pytest.approx(0.001 + 1.0 + 2.2)  # the index stays in memory
    assert found["filter, choose, write"].memory_gb == pytest.approx(0.001 + 1.0 + 2.2 + 0.5)
    assert found["encode documents"].disk_gb == pytest.approx(0.001)


def test_vectors_that_are_given_need_no_model(known):
    work = Workload(documents=1_000, queries=100, sources=("vectors",), dim=250)
    names = [stage.name for stage in forecast(work, known).stages]
    assert names == ["read the dataset", "search vectors", "filter, choose, write"]


def test_machines_share_what_can_be_shared():
    found = Forecast(
        (Stage("a", "", 7_200, 1), Stage("b", "", 1_800, 2, 3, "on each"), Stage("c", "", 600, 1, 4, "on one"))
    )
    assert found.seconds() == 9_600
    assert found.seconds(4) == 4_200
    assert (found.memory_gb, found.disk_gb) == (2, 7)
    assert [found.machines(hours) for hours in (3, 1, 0.6)] == [1, 6, None]


@pytest.mark.parametrize("hours", [0.7, 1, 1.3, 2, 5])
def test_the_number_of_machines_is_the_smallest_that_is_done_in_time(hours):
    found = Forecast((Stage("a", "", 10_000, 1), Stage("b", "", 2_400, 2, 3, "on each")))
    machines = found.machines(hours)
    assert found.seconds(machines) <= hours * 3600
    assert machines == 1 or found.seconds(machines - 1) > hours * 3600
