import pytest

from hardneg.addresses import is_endpoint
from hardneg.errors import RecipeError
from hardneg.models.served.address import ServedModel
from hardneg.sources import Dense


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("https://me:hidden-password@host/v1#m", "no user, password or query.*environment variable"),
        ("https://host/v1?api_key=hidden-password#m", "option that there is not.*environment variable"),
        ("https://host/v1?hidden-password#m", "option that there is not"),
        ("https://host/v1?api_key_env=hidden-password#m", "name of an environment variable, never the key itself"),
        ("https://host/v1#", "the name behind the # is empty"),
        ("https:///v1#m", "base_url is 'https:///v1'"),
        ("https://[host/v1#m", "the address cannot be read"),
        ("https://host/v1?batch=many#m", "batch should be a valid integer"),
        ("https://host/v1?batch=0#m", "batch is 0; set it to 1 or more"),
        ("https://host/v1?timeout_s=nan#m", "timeout_s is nan"),
        ("https://host/v1?encoding_format=int8#m", "encoding_format should be 'float' or 'base64'"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_repeating_a_secret(name, words):
    with pytest.raises(RecipeError, match=words) as caught:
        Dense(model=name)
    assert "hidden-password" not in str(caught.value)


def test_options_are_read_from_the_address():
    served = ServedModel.named("http://localhost:8000/v1/?price=0.02&batch=8&query_type=query&api_key_env=#org/na%20me")
    assert served == ServedModel(
        "http://localhost:8000/v1", "org/na me", price=0.02, batch=8, query_type="query", api_key_env=""
    )


def test_other_names_are_no_addresses(tmp_path):
    assert not any(map(is_endpoint, ("org/name", "./folder#1", tmp_path, "https://host/v1", "s3://bucket#name", None)))


def test_tokens_are_not_counted_here():
    with pytest.raises(RecipeError, match=r"dense: max_tokens counts by a model's own tokenizer.*set max_characters"):
        Dense(model="https://host/v1#m", max_tokens=32)
