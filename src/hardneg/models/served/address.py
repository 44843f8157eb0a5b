"""How a model behind an endpoint is named: by an address that holds its options, and never a key."""

from dataclasses import dataclass, fields
from typing import Literal, Self
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from pydantic import TypeAdapter, ValidationError

from hardneg.endpoints.key import check_address
from hardneg.errors import RecipeError
from hardneg.place import nearest

_PURPOSE = "embedding API"
_LEAST = {"batch": 1, "batch_characters": 1, "concurrency": 1, "timeout_s": 0.001, "max_retries": 0, "backoff_s": 0}
_LEAST |= {"max_characters": 1, "price": 0}
_IN_THE_ADDRESS = ("base_url", "model")


@dataclass(frozen=True)
class ServedModel:
    """A model that a server encodes with, at the route `/embeddings` of the OpenAI protocol.

    It is named wherever a model that encodes is: `https://api.openai.com/v1#text-embedding-3-small`, where the part
    before the `#` is the base of the API. Options stand before the `#` as in any address: `?price=0.02&batch=64`.

    Args:
        base_url: Of the API, which mostly ends in `/v1`.
        model: Its name, as the server knows it.
        api_key_env: Name of the environment variable with the key; "" sends none.
        batch: Texts of a request at most.
        batch_characters: Characters of a request at most; a longer text goes alone.
        concurrency: Requests at one time.
        timeout_s: A request that takes longer in all has failed.
        max_retries: How often to ask again after a failure that may pass.
        backoff_s: Mean wait before the first retry; it doubles with each, up to a minute. A server that asks for a
            longer wait gets it.
        max_characters: Longer texts are cut there, prompt included; None leaves that to the server.
        query_type: What the server is told of queries as `input_type`, as some want it; None sends nothing.
        document_type: The same of documents.
        encoding_format: How the server writes vectors: "base64" takes a quarter of the bytes of "float" where it is
            known.
        price: Of a million tokens, for the estimate.

    Raises:
        RecipeError: A value is out of range, or an option holds what may be a secret.

    References:
        The route: https://platform.openai.com/docs/api-reference/embeddings.
    """

    base_url: str
    model: str
    api_key_env: str = "OPENAI_API_KEY"
    batch: int = 96
    batch_characters: int = 200_000
    concurrency: int = 8
    timeout_s: float = 60.0
    max_retries: int = 5
    backoff_s: float = 1.0
    max_characters: int | None = None
    query_type: str | None = None
    document_type: str | None = None
    encoding_format: Literal["float", "base64"] = "float"
    price: float | None = None

    def __post_init__(self) -> None:
        check_address(self.base_url, self.api_key_env, kind=_PURPOSE)
        if not self.model.strip():
            raise RecipeError(f"{_PURPOSE}: the name behind the # is empty; write https://HOST/v1#NAME")
        for name, smallest in _LEAST.items():
            value = getattr(self, name)
            if value is not None and not value >= smallest:
                raise RecipeError(f"{_PURPOSE}: {name} is {value}; set it to {smallest:g} or more")

    @classmethod
    def named(cls, name: str) -> Self:
        """Read the address of a model.

        >>> served = ServedModel.named("http://localhost:8000/v1?batch=32&api_key_env=#BAAI/bge-m3")
        >>> served.base_url, served.model, served.batch, served.api_key_env
        ('http://localhost:8000/v1', 'BAAI/bge-m3', 32, '')
        """
        try:
            parts = urlsplit(name)
            given = dict(parse_qsl(parts.query, keep_blank_values=True))
            base_url = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        except ValueError as error:
            raise RecipeError(f"{_PURPOSE}: the address cannot be read ({error}); write https://HOST/v1#NAME") from None
        options = [each.name for each in fields(cls) if each.name not in _IN_THE_ADDRESS]
        for key in given:
            if key not in options:
                raise RecipeError(
                    f"{_PURPOSE}: the address has an option that there is not; {nearest(key[:40], options)}; a key "
                    "belongs in the environment variable that api_key_env names"
                )
        try:
            return TypeAdapter(cls).validate_python({**given, "base_url": base_url, "model": unquote(parts.fragment)})
        except ValidationError as error:
            first = error.errors()[0]
            reason = first["msg"].removeprefix("Input should be ")
            raise RecipeError(f"{_PURPOSE}: {'.'.join(map(str, first['loc']))} should be {reason}") from None

    def asked_for(self, kind: str, dimensions: int | None) -> dict[str, object]:
        """Give what a request says beside the texts of a kind, all of which may decide a vector."""
        input_type = self.query_type if kind == "query" else self.document_type
        return {
            "model": self.model,
            **({} if dimensions is None else {"dimensions": dimensions}),
            **({} if input_type is None else {"input_type": input_type}),
        }
