import pytest

from hardneg.forecast import Sizes, Texts
from hardneg.forecast.trials import TRIALS
from tiny_model import build_tiny_model
from toy import toy_dataset

TINY = Sizes(queries=8, vectors=1_024, indexed=32, mined=32, seconds=0.01, steps=3)


@pytest.fixture(scope="module")
def texts():
    return Texts.of(toy_dataset())


@pytest.fixture(scope="module")
def model(tmp_path_factory, texts):
    return str(build_tiny_model(tmp_path_factory.mktemp("model"), [*texts.documents, *texts.queries]))


@pytest.mark.parametrize(
    ("name", "given", "keys"),
    [
        ("vectors", {"dim": 8, "depth": 3}, {"query_s", "memory_gb", "base_gb"}),
        ("bm25", {"depth": 3}, {"document_s", "query_s", "memory_gb", "base_gb"}),
        (
            "mining",
            {"sources": ["bm25", "vectors"], "dim": 8, "depth": 3, "per_query": 2},
            {"query_s", "query_bytes", "block_gb", "base_gb", "document_s"},
        ),
        ("encoding", {"max_tokens": 16}, {"document_s", "query_s", "dim", "memory_gb"}),
        ("training", {"max_tokens": 16, "batch_size": 2, "negatives_per_row": 1}, {"step_s", "memory_gb", "disk_gb"}),
        ("training", {"max_tokens": 16, "batch_size": 2, "negatives_per_row": 0}, {"step_s", "memory_gb", "disk_gb"}),
    ],
)
def test_a_trial_gives_what_a_forecast_asks_for(name, given, keys, texts, model):
    found = TRIALS[name](texts, given | {"model": model}, TINY)
    assert set(found) == keys
    costs = [each[1] for value in found.values() if isinstance(value, list) for each in value]
    assert all(cost >= 0 for cost in [*costs, *(value for value in found.values() if not isinstance(value, list))])


def test_mining_without_vectors_can_be_tried(texts):
    given = {"sources": ["bm25"], "dim": None, "depth": 3, "per_query": 2}
    assert TRIALS["mining"](texts, given, TINY)["query_bytes"] > 0
