import pytest

from hardneg.cli.components import parse_component, parse_settings
from hardneg.errors import RecipeError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bm25", {"use": "bm25"}),
        (" bm25 ", {"use": "bm25"}),
        ("bm25()", {"use": "bm25"}),
        ("module:Class", {"use": "module:Class"}),
        ("dense(model='a/b', max_tokens=128)", {"use": "dense", "model": "a/b", "max_tokens": 128}),
        ("positive_margin(ratio=None, absolute=-0.5)", {"use": "positive_margin", "ratio": None, "absolute": -0.5}),
        ("near_duplicate(names=['(', ')'])", {"use": "near_duplicate", "names": ["(", ")"]}),
        ("m.sub:Class(on=True)", {"use": "m.sub:Class", "on": True}),
    ],
)
def test_a_component_is_a_name_or_a_name_with_options(text, expected):
    assert parse_component(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "bm25(",
        "bm25)",
        "bm25(1)",
        "bm25(k1)",
        "bm25(k1=x)",
        "bm25(k1=1)(b=2)",
        "bm25(k1=1).b(b=2)",
        "bm25(k1=1) + 2",
        "bm25(**{'k1': 1})",
        "bm25(k1={[]: 1})",
        "bm25(k1=__import__('os').getpid())",
        "(k1=1)",
        "",
    ],
)
def test_anything_else_is_refused_with_how_to_write_it(text):
    with pytest.raises(RecipeError, match="write a name, or a name with options") as caught:
        parse_component(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epochs=2", 2),
        ("learning_rate=3e-5", 3e-5),
        ("schedule=cosine", "cosine"),
        ("query_prompt=query: ", "query: "),
        ("query_prompt=a=b", "a=b"),
        ("dropout=true", True),
        ("dropout=True", True),
        ("shared_negatives=false", False),
        ("max_tokens=None", None),
        ("loss={'use': 'info_nce', 'temperature': 0.02}", {"use": "info_nce", "temperature": 0.02}),
        ("query_prompt=", ""),
    ],
)
def test_a_setting_is_a_literal_or_else_text(text, expected):
    (value,) = parse_settings([text]).values()
    assert (value, type(value)) == (expected, type(expected))


def test_the_last_of_equal_settings_stands():
    assert parse_settings(["epochs=1", "batch_size=8", "epochs=3"]) == {"epochs": 3, "batch_size": 8}


@pytest.mark.parametrize("text", ["epochs", "", "=2"])
def test_a_setting_without_key_or_value_is_refused(text):
    with pytest.raises(RecipeError, match="key=value"):
        parse_settings([text])
