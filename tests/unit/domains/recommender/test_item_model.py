import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from hardneg.domains.recommender.build import interactions_dataset
from hardneg.domains.recommender.item_model import build_item_model
from hardneg.errors import DatasetError
from interactions_toy import toy_events, toy_items


@pytest.fixture
def dataset():
    return interactions_dataset(toy_events(n_users=4), toy_items(), min_rating=1)[0]


def test_a_text_is_the_mean_of_its_words_and_unknown_ids_add_nothing(dataset, tmp_path):
    model = SentenceTransformer(str(build_item_model(dataset, tmp_path / "m", dimension=16)), device="cpu")
    drama, known, both, unknown = model.encode(["Drama", "@i0", "@i0 Drama", "#never Drama"])
    np.testing.assert_allclose(both, (drama + known) / 2, rtol=1e-5)
    np.testing.assert_allclose(unknown, drama / 2, rtol=1e-5)
    assert not np.allclose(model.encode("#i0"), known)  # what may be taken and what was taken differ


def test_the_vocabulary_is_that_of_items_which_training_knows(dataset, tmp_path):
    model = SentenceTransformer(str(build_item_model(dataset, tmp_path / "m", dimension=4)), device="cpu")
    words = set(model.tokenizer.get_vocab())
    known = dataset.documents.filter(dataset.documents["popularity"] > 0)["id"]
    assert {word for word in words if word[0] == "#"} == {f"#{each}" for each in known}
    assert {word for word in words if word[0] == "@"} == {f"@{each}" for each in known}


def test_the_seed_decides_the_vectors(dataset, tmp_path):
    paths = [build_item_model(dataset, tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    one, same, other = ((path / "model.safetensors").read_bytes() for path in paths)
    assert one == same != other


def test_a_dataset_of_something_else_is_refused(tiny, tmp_path):
    with pytest.raises(DatasetError, match="popularity"):
        build_item_model(tiny, tmp_path / "m")
