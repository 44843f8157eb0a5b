import pytest

from hardneg.models.prompts import prompt_of
from hardneg.models.sentence_transformer import load_model


@pytest.mark.parametrize(
    ("prompts", "default", "query", "document"),
    [
        ({}, None, None, None),
        ({"query": "q: ", "document": "d: "}, None, "q: ", "d: "),
        ({"query": "q: ", "passage": "p: "}, None, "q: ", "p: "),
        ({"query": "", "document": ""}, None, None, None),
        ({"any": "a: "}, "any", "a: ", "a: "),
        ({"query": "q: ", "any": "a: "}, "any", "q: ", "a: "),
    ],
)
def test_each_tower_takes_its_own_prompt_then_the_default(folder, prompts, default, query, document):
    model = load_model(folder, device="cpu")
    model.prompts, model.default_prompt_name = prompts, default
    assert prompt_of(model, "query") == query
    assert prompt_of(model, "document") == document
