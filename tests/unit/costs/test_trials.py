import time

import numpy as np
import pytest

from hardneg.costs import Sizes, Texts
from hardneg.costs.texts import write_mined
from hardneg.costs.trials import TRIALS
from hardneg.data.reading import read_dataset
from tiny_model import build_tiny_model
from toy import toy_dataset

TINY = Sizes(documents=32, queries=8, seconds=0.01, steps=3)
MINING = {"dim": 8, "depth": 3, "per_query": 2, "documents": 32, "queries": 8, "products": 0, "encoded": False}


@pytest.fixture(scope="module")
def texts():
    return Texts.of(toy_dataset())


@pytest.fixture(scope="module")
def model(tmp_path_factory, texts):
    return str(build_tiny_model(tmp_path_factory.mktemp("model"), [*texts.documents, *texts.queries]))


@pytest.mark.parametrize(
    ("name", "given", "keys"),
    [
        ("encoding", {"max_tokens": 16}, {"document_s", "query_s", "dim", "memory_gb"}),
        ("training", {"max_tokens": 16, "batch_size": 2, "negatives_per_row": 1}, {"step_s", "memory_gb", "disk_gb"}),
        ("training", {"max_tokens": 16, "batch_size": 2, "negatives_per_row": 0}, {"step_s", "memory_gb", "disk_gb"}),
    ],
)
def test_a_trial_of_a_model_gives_what_a_forecast_asks_for(name, given, keys, texts, model):
    found = TRIALS[name](texts, given | {"model": model, "asked_at": time.time()}, TINY)
    assert set(found) == keys | {"start_s"}
    assert all(cost >= 0 for cost in found.values())


@pytest.mark.parametrize("sources", [["bm25"], ["vectors"], ["bm25", "vectors"]])
def test_a_trial_of_mining_gives_what_a_forecast_asks_for(sources, texts, tmp_path):
    given = MINING | {"sources": sources, "folder": str(tmp_path), "asked_at": time.time()}
    write_mined(tmp_path, texts, given)
    found = TRIALS["mining"](texts, given, TINY)
    assert set(found) == {"start_s", "read", *sources, "filters", "block_bytes", "compiled"}
    assert found["block_bytes"] > 0
    assert all(found[stage]["once_s"] >= 0 and found[stage]["block_s"] > 0 for stage in (*sources, "filters"))


def test_what_is_mined_in_a_trial_is_as_large_as_asked_and_has_answers(texts, tmp_path):
    write_mined(tmp_path, texts, MINING)
    dataset = read_dataset(tmp_path / "data")
    assert (dataset.n_queries, dataset.n_documents) == (8, 32)
    assert len(dataset.queries_of("train")) == 8
    queries, documents = (np.load(tmp_path / f"{name}.npy") for name in ("queries", "documents"))
    assert np.allclose(np.linalg.norm(documents, axis=1), 1, atol=1e-5)
    query, document = dataset.positives.among(np.arange(8, dtype=np.int32))
    score = queries @ documents.T
    assert score[query, document].mean() > score.mean() + 0.1


def test_without_vectors_none_are_written(texts, tmp_path):
    write_mined(tmp_path, texts, MINING | {"dim": None})
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
