"""Documents as a collection of Qdrant finds them."""

import atexit
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from jaxtyping import Float32

from hardneg.checksums import digest_of
from hardneg.errors import MissingExtraError, ModelError, RecipeError
from hardneg.leave import note_file, note_server
from hardneg.place import nearest
from hardneg.sources.indexes.asking import (
    Passing,
    address_in,
    check_address,
    check_key_variable,
    is_ours,
    key_in,
    one_line,
    patiently,
    shown_address,
)
from hardneg.sources.indexes.by_vectors import IndexVectors
from hardneg.sources.indexes.protocol import Facts, Key, Metric, Page, VectorIndex

T = TypeVar("T")

_METRICS: dict[str, Metric] = {"Cosine": "cosine", "Dot": "dot", "Euclid": "l2"}
_PAGE = 1_000
_SAMPLE = 64  # points whose vectors stand for all where it is asked whether something has changed
_WAYS_OUT = {401: "set the key in the variable that api_key_env names", 403: "this key may not read it: use another"}


@dataclass(frozen=True)
class Qdrant(IndexVectors):
    """The best documents by vectors, as a collection of Qdrant finds them.

    Args:
        collection: Name of the collection.
        url: Address of the server, `http://localhost:6333`, or `env:NAME` for a variable that holds it.
        path: Folder of a collection kept by the client itself (`QdrantClient(path=…)`), in the place of a server. The
            client unpickles it: name only what you trust.
        id_field: Field of the payload with the id of the document, `metadata.id` for one inside another; None takes
            the point's own id.
        vector: Name of the vector, where points have several.
        exact: Whether the server is to compare with all points, and not by its index.
        api_key_env: Environment variable with the key; "" sends none.
        name: Suffix of its columns.

    Raises:
        RecipeError: A value is out of range, or the source has no vectors.
    """

    collection: str
    url: str | None = None
    path: str | Path | None = None
    id_field: str | None = None
    vector: str | None = None
    exact: bool = False
    api_key_env: str = "QDRANT_API_KEY"
    name: str = "qdrant"

    native_file: ClassVar[str] = "path"
    server: ClassVar[str] = "url"

    def __post_init__(self) -> None:
        self.settle(self.name, "qdrant")
        if (self.url is None) == (self.path is None):
            raise RecipeError(
                "qdrant: set url to the address of the server, or path to a folder, and one of them alone"
            )
        if self.url is not None:
            check_address(self.url, kind="qdrant", schemes=("http", "https"))
            note_server(self.url)
        else:
            note_file(self.path)
        check_key_variable(self.api_key_env, kind="qdrant")

    def index(self) -> VectorIndex:
        """Open the collection."""
        if self.path is not None:
            return _Collection(_local(Path(self.path)), f"{self.path}", self)
        address = address_in(str(self.url), kind="qdrant")
        return _Collection(_client(address, key_in(self.api_key_env), self.timeout_s), shown_address(address), self)


def _library() -> Any:  # noqa: ANN401 - loaded when it is needed
    try:
        import qdrant_client
    except ImportError as error:
        raise MissingExtraError("qdrant-client", extra="qdrant", purpose="the source qdrant") from error
    return qdrant_client


@lru_cache(maxsize=8)
def _client(address: str, key: str | None, timeout_s: float) -> Any:  # noqa: ANN401 - see above
    with warnings.catch_warnings(action="ignore"):  # a key sent over http, on the user's own machine
        return _library().QdrantClient(
            url=address, api_key=key, timeout=max(1, round(timeout_s)), check_compatibility=False
        )


@lru_cache(maxsize=8)
def _local(path: Path) -> Any:  # noqa: ANN401 - see above
    library = _library()
    if not (path / "meta.json").is_file():
        raise RecipeError(f"qdrant: {path} is no folder of Qdrant's client: it has no meta.json; look at path")
    try:
        with warnings.catch_warnings(action="ignore"):  # it says that a server is better for many points
            client = library.QdrantClient(path=str(path))
    except (RuntimeError, OSError, ValueError) as error:
        way_out = "close it wherever it is open"
        raise RecipeError(f"qdrant: {path} cannot be opened ({one_line(error)}); {way_out}") from error
    atexit.register(client.close)  # what the interpreter closes at its end would complain
    return client


class _Collection:
    most = 2**31 - 1

    def __init__(self, client: Any, place: str, source: Qdrant) -> None:  # noqa: ANN401 - see above
        self._client, self._source, self._name = client, source, source.collection
        self.title = f"collection {source.collection!r} at {place}"

    def facts(self) -> Facts:
        info = self._ask(lambda: self._client.get_collection(self._name))
        parameters = self._vector_of(info.config.params.vectors)
        metric = _METRICS.get(str(getattr(parameters.distance, "value", parameters.distance)))
        if metric is None:
            raise ModelError(f"{self.title} compares by {parameters.distance}; cosine, dot and Euclid are supported")
        points, _ = self._scroll(_SAMPLE, None, vectors=True)
        sample = [f"{each.id} {self._vector(each)}" for each in points]
        return Facts(
            self.title,
            int(self._ask(lambda: self._client.count(self._name, self._searched(), exact=True)).count),
            digest_of("\n".join(sample).encode()),
            int(parameters.size),
            metric,
        )

    def pages(self) -> Iterator[Page]:
        offset = None
        while True:
            points, offset = self._scroll(_PAGE, offset, vectors=False)
            yield [(each.id, self._id_of(each)) for each in points]
            if offset is None:
                return

    def nearest(self, vectors: Float32[np.ndarray, "queries dim"], limit: int) -> list[list[Key]]:
        models = _library().models
        requests = [
            models.QueryRequest(
                query=vector,
                using=self._source.vector,
                limit=limit,
                with_payload=False,
                with_vector=False,
                params=models.SearchParams(exact=self._source.exact),
            )
            for vector in vectors.tolist()
        ]
        answers = self._ask(lambda: self._client.query_batch_points(self._name, requests=requests))
        return [[each.id for each in answer.points] for answer in answers]

    def vectors_of(self, keys: Sequence[Key]) -> tuple[list[Key], Float32[np.ndarray, "records dim"]]:
        wanted = True if self._source.vector is None else [self._source.vector]
        points = self._ask(
            lambda: self._client.retrieve(self._name, ids=list(keys), with_payload=False, with_vectors=wanted)
        )
        points = [each for each in points if self._vector(each) is not None]
        return [each.id for each in points], np.array([self._vector(each) for each in points], np.float32, ndmin=2)

    def _scroll(self, limit: int, offset: Any, *, vectors: bool) -> tuple[list[Any], Any]:  # noqa: ANN401 - see above
        names = True if self._source.vector is None else [self._source.vector]
        field = self._source.id_field
        return self._ask(
            lambda: self._client.scroll(
                self._name,
                scroll_filter=self._searched(),
                limit=limit,
                offset=offset,
                with_payload=[field] if field is not None and not vectors else False,
                with_vectors=names if vectors else False,
            )
        )

    def _searched(self) -> Any:  # noqa: ANN401 - see above
        """Choose the points that have the vector that is searched."""
        if self._source.vector is None:
            return None
        models = _library().models
        return models.Filter(must=[models.HasVectorCondition(has_vector=self._source.vector)])

    def _id_of(self, point: Any) -> str | None:  # noqa: ANN401 - see above
        if self._source.id_field is None:
            return str(point.id)
        value: Any = point.payload or {}
        for step in self._source.id_field.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        return None if value is None else str(value)

    def _vector(self, point: Any) -> list[float] | None:  # noqa: ANN401 - see above
        vector = point.vector
        return vector.get(self._source.vector or "") if isinstance(vector, dict) else vector

    def _vector_of(self, vectors: Any) -> Any:  # noqa: ANN401 - see above
        """Give what is set for the vector that is searched."""
        wanted = self._source.vector
        if not isinstance(vectors, dict):
            if vectors is None or wanted is not None:
                raise RecipeError(f"{self.title}: its vectors have no name; leave vector out")
            return vectors
        if wanted not in vectors:
            named = f"vector is {wanted!r}" if wanted else "its vectors have names"
            raise RecipeError(f"{self.title}: {named}; set vector to one that there is: {', '.join(sorted(vectors))}")
        return vectors[wanted]

    def _ask(self, call: Callable[[], T]) -> T:
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        def once() -> T:
            try:
                return call()
            except ResponseHandlingException as error:
                raise Passing(one_line(error.source)) from error
            except UnexpectedResponse as error:
                status = int(error.status_code or 0)
                if status == 429 or status >= 500:
                    raise Passing(one_line(error)) from error
                raise self._refused(status, error) from error
            except ValueError as error:  # of the client that keeps points itself
                if is_ours(error):
                    raise
                raise self._refused(404 if "not found" in str(error) else 400, error) from error

        way_out = "see whether it runs, and whether url is its address"
        return patiently(once, patience_s=self._source.patience_s, title=self.title, way_out=way_out)

    def _refused(self, status: int, error: Exception) -> Exception:
        if status == 404:
            names = sorted(each.name for each in self._client.get_collections().collections)
            there = f"{nearest(self._name, names)}" if names else "there is none"
            return RecipeError(f"{self.title} does not exist; {there}")
        return ModelError(f"{self.title} refuses: {one_line(error)}; {_WAYS_OUT.get(status, 'look at what it says')}")
