import hashlib

import numpy as np
import pytest

from hardneg.models.served.address import ServedModel
from hardneg.models.served.encoder import ServedEncoder
from local_llm_server import KEY, embeddings, serving


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


def vector(text, dim=8):
    """A vector that follows from the text alone, not of length 1."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
    return (3 * np.random.default_rng(seed).standard_normal(dim)).tolist()


@pytest.fixture
def api():
    """Encodes each text by `vector`, in as many dimensions as are asked for."""
    with serving(lambda asked: embeddings(asked, lambda text: vector(text, asked.body.get("dimensions", 8)))) as server:
        yield server


@pytest.fixture
def encoder(api):
    def make(*, dimensions=None, query_prompt=None, document_prompt=None, **options):
        settings = {"base_url": api.base_url, "model": "test-model", "backoff_s": 0.001, "timeout_s": 20.0, "batch": 4}
        return ServedEncoder(ServedModel(**(settings | options)), dimensions, query_prompt, document_prompt)

    return make


@pytest.fixture
def expected():
    def unit(texts, dim=8):
        rows = np.array([vector(text, dim) for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    return unit


@pytest.fixture
def texts():
    return [f"text number {number}" for number in range(30)]
