import sys

import pytest

from hardneg.errors import MissingExtraError
from hardneg.models.options import check_installed
from hardneg.sources import Dense


@pytest.mark.parametrize("package", ["torch", "sentence_transformers"])
def test_a_source_with_a_model_says_what_to_install(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=f"source 'judge', .* needs {package}: pip install 'hardneg") as caught:
        Dense(model="any", name="judge").fingerprint()
    assert str(caught.value).endswith("pip install 'hardneg[train]'")


@pytest.mark.parametrize("package", ["accelerate", "safetensors"])
def test_training_needs_more_than_encoding(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    check_installed("encoding")
    with pytest.raises(MissingExtraError, match=f"training needs {package}"):
        check_installed("training", training=True)
