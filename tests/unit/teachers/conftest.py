import pytest

from tiny_model import build_tiny_model
from toy import toy_dataset


@pytest.fixture(scope="package")
def tiny_model(tmp_path_factory):
    """A random two-tower model that knows the words of the toy dataset; read only."""
    toy = toy_dataset()
    return build_tiny_model(tmp_path_factory.mktemp("model"), [*toy.query_texts, *toy.document_texts])
