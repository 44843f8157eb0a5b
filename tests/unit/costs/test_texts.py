import numpy as np
import pytest

from hardneg.costs import Texts
from toy import toy_dataset


@pytest.mark.parametrize("tokens", [8, 128, 400])
def test_texts_that_are_made_are_about_as_long_as_asked(tokens):
    texts = Texts.made(document_tokens=tokens, query_tokens=12)
    words = np.mean([len(text.split()) for text in texts.documents])
    assert words / 0.87 + 2 == pytest.approx(tokens, rel=0.1)
    assert len(set(texts.documents)) > len(texts.documents) / 2


def test_the_same_texts_are_made_again():
    assert Texts.made(document_tokens=20, query_tokens=5) == Texts.made(document_tokens=20, query_tokens=5)


def test_texts_of_a_dataset_are_its_own():
    toy = toy_dataset()
    texts = Texts.of(toy)
    assert sorted(texts.documents) == sorted(toy.document_texts)
    assert sorted(texts.queries) == sorted(toy.query_texts)
    assert toy.name in texts.about
