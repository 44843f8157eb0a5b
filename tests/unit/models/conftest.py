import pytest

from tiny_model import build_tiny_model
from toy import toy_dataset


@pytest.fixture(scope="session")
def toy():
    return toy_dataset()


@pytest.fixture(scope="session")
def folder(tmp_path_factory, toy):
    """A model folder that knows the words of `toy`; tests that change it must copy it."""
    texts = [*toy.query_texts, *toy.document_texts, "find:"]
    return build_tiny_model(tmp_path_factory.mktemp("models"), texts)
