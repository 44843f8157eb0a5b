import numpy as np
import pytest

from hardneg.scoring.llm.judge import LLMJudge
from local_llm_server import KEY, serving, verdict
from toy import toy_dataset


@pytest.fixture(scope="session")
def dataset():
    return toy_dataset()


@pytest.fixture
def pairs():
    """60 pairs of different texts: 6 queries, 10 documents."""
    return tuple(each.astype(np.int32) for each in np.divmod(np.arange(60), 10))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def llm():
    """Says yes to documents of an even number of characters."""
    with serving(lambda asked: verdict("no" if len(asked.text("document")) % 2 else "yes")) as server:
        yield server


@pytest.fixture
def judge(llm):
    def make(**options):
        settings = {"model": "test-model", "backoff_s": 0.001, "timeout_s": 20.0, "concurrency": 4}
        return LLMJudge(**({"base_url": llm.base_url} | settings | options))

    return make


@pytest.fixture
def expected(dataset):
    """Scores by the rule of `llm`."""

    def scores(document):
        texts = dataset.document_texts.gather(document)
        return np.array([1.0 - len(text) % 2 for text in texts], dtype=np.float32)

    return scores
