"""Documents as Elasticsearch or OpenSearch finds them: by vectors, or by words."""

from dataclasses import dataclass
from typing import ClassVar

from hardneg.errors import RecipeError
from hardneg.leave import note_server
from hardneg.sources.indexes.asking import address_in, check_address, check_key_variable, key_in, shown_address
from hardneg.sources.indexes.by_vectors import IndexVectors
from hardneg.sources.indexes.by_words import IndexTexts
from hardneg.sources.indexes.elastic_records import DEEPEST, TextRecords, VectorRecords
from hardneg.sources.indexes.http import Server
from hardneg.sources.indexes.protocol import TextIndex, VectorIndex

_SCHEMES = ("http", "https")


@dataclass(frozen=True)
class Elasticsearch(IndexVectors):
    """The best documents by vectors, as an index of Elasticsearch (8 or later) or OpenSearch (2 or later) finds them.

    Args:
        collection: Name of the index, or an alias.
        url: Address of the server, `http://localhost:9200`, or `env:NAME` for a variable that holds it, perhaps with
            user and password.
        id_field: Field with the id of the document, `metadata.id` for one inside another; None takes `_id`.
        vector: Field with the vector, of type dense_vector or knn_vector.
        candidates: Records that each shard looks at, of Elasticsearch; None for twice the pool.
        api_key_env: Environment variable with the API key; "" sends none.
        name: Suffix of its columns.

    Raises:
        RecipeError: A value is out of range, or the source has no vectors.
    """

    collection: str
    url: str
    id_field: str | None = None
    vector: str = "vector"
    candidates: int | None = None
    api_key_env: str = "ELASTIC_API_KEY"
    name: str = "elasticsearch"

    server: ClassVar[str] = "url"

    def __post_init__(self) -> None:
        self.settle(self.name, "elasticsearch")
        if self.pool > DEEPEST:
            raise RecipeError(
                f"elasticsearch: pool is {self.pool}; set it to {DEEPEST:,} or less, all that a search gives"
            )
        if self.candidates is not None and self.candidates < 1:
            raise RecipeError(f"elasticsearch: candidates is {self.candidates}; set it to 1 or more")
        check_address(self.url, kind="elasticsearch", schemes=_SCHEMES)
        check_key_variable(self.api_key_env, kind="elasticsearch")
        note_server(self.url)

    def index(self) -> VectorIndex:
        """Open the index."""
        return VectorRecords(
            _server(self, "elasticsearch"),
            self.collection,
            self.id_field,
            vector=self.vector,
            candidates=self.candidates,
        )


@dataclass(frozen=True)
class ElasticsearchText(IndexTexts):
    """The documents that share words with the query, as Elasticsearch or OpenSearch ranks them.

    Args:
        collection: Name of the index, or an alias.
        url: Address of the server, `http://localhost:9200`, or `env:NAME` for a variable that holds it, perhaps with
            user and password.
        id_field: Field with the id of the document, `metadata.id` for one inside another; None takes `_id`.
        fields: Fields that are searched; one may count more, `title^2`.
        api_key_env: Environment variable with the API key; "" sends none.
        name: Suffix of its columns.

    Raises:
        RecipeError: A value is out of range.
    """

    collection: str
    url: str
    id_field: str | None = None
    fields: tuple[str, ...] = ("text",)
    api_key_env: str = "ELASTIC_API_KEY"
    name: str = "elasticsearch_text"

    server: ClassVar[str] = "url"

    def __post_init__(self) -> None:
        self.settle(self.name, "elasticsearch_text")
        if self.pool > DEEPEST:
            raise RecipeError(f"elasticsearch_text: pool is {self.pool}; set it to {DEEPEST:,} or less")
        if not self.fields:
            raise RecipeError("elasticsearch_text: fields is empty; name the fields that are searched")
        check_address(self.url, kind="elasticsearch_text", schemes=_SCHEMES)
        check_key_variable(self.api_key_env, kind="elasticsearch_text")
        note_server(self.url)

    def index(self) -> TextIndex:
        """Open the index."""
        return TextRecords(_server(self, "elasticsearch_text"), self.collection, self.id_field, fields=self.fields)


def _server(source: Elasticsearch | ElasticsearchText, kind: str) -> Server:
    address, key = address_in(source.url, kind=kind), key_in(source.api_key_env)
    headers = () if key is None else (("Authorization", f"ApiKey {key}"),)
    title = f"index {source.collection!r} at {shown_address(address)}"
    return Server(address, title, headers, source.timeout_s, source.patience_s)
