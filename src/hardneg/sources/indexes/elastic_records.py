"""What an index of Elasticsearch or OpenSearch is asked, and what its answers mean."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
from jaxtyping import Float32

from hardneg.checksums import digest_of
from hardneg.errors import ModelError, RecipeError
from hardneg.place import nearest
from hardneg.sources.indexes.http import Server
from hardneg.sources.indexes.protocol import Facts, Key, Metric, Page

_PAGE = 1_000
DEEPEST = 10_000  # records that a search gives, unless index.max_result_window was raised
_KEPT = "2m"  # how long a listing may pause
# Measures by the names that both have for them.
_METRICS: dict[str, Metric] = {
    "cosine": "cosine",
    "cosinesimil": "cosine",
    "dot_product": "dot",
    "max_inner_product": "dot",
    "innerproduct": "dot",
    "l2_norm": "l2",
    "l2": "l2",
}


class ElasticRecords:
    """What an index of either kind is asked."""

    most = DEEPEST

    def __init__(self, server: Server, name: str, id_field: str | None, query: dict[str, Any]) -> None:
        self._server, self._id_field, self._query = server, id_field, query
        self._path, self._name = f"/{quote(name, safe='')}", name

    def count(self) -> int:
        """Count records."""
        return int(self._asked("POST", "/_count", {"query": self._query})["count"])

    def marker(self) -> str:
        """Sum up which index it is, and how many writes each of its shards has seen, where that may be seen."""
        answer = self._server.ask("GET", f"{self._path}/_stats/docs?level=shards", missing=True) or {}
        states = []
        for name, index in sorted(answer.get("indices", {}).items()):
            shards = (each for copies in index.get("shards", {}).values() for each in copies)
            writes = [int(each.get("seq_no", {}).get("max_seq_no", 0)) for each in shards if each["routing"]["primary"]]
            states.append(f"{name} {index.get('uuid')} {sorted(writes)}")
        return digest_of("\n".join(states).encode())

    def pages(self) -> Iterator[Page]:
        """List records by a scroll, which is given back however it ends."""
        source: object = False if self._id_field is None else [self._id_field]
        body = {"query": self._query, "size": _PAGE, "sort": ["_doc"], "_source": source}
        answer = self._asked("POST", f"/_search?scroll={_KEPT}", body)
        scroll = {"scroll_id": answer["_scroll_id"]}
        try:
            while answer["hits"]["hits"]:
                yield [(str(hit["_id"]), self._id_of(hit)) for hit in answer["hits"]["hits"]]
                answer = self._server.ask(
                    "POST", "/_search/scroll", {"scroll": _KEPT, "scroll_id": answer["_scroll_id"]}
                )
        finally:
            self._server.ask("DELETE", "/_search/scroll", scroll, missing=True)

    def searched(self, searches: Sequence[object]) -> list[list[Any]]:
        """Give the hits of several searches, in one request."""
        lines = [line for search in searches for line in ({"index": self._name}, search)]
        answers = self._server.ask("POST", "/_msearch", lines)["responses"]
        for answer in answers:
            if "error" in answer:
                reason = answer["error"].get("reason") or answer["error"]
                raise ModelError(f"{self._server.title} refuses a search: {reason}")
        return [answer["hits"]["hits"] for answer in answers]

    def properties(self) -> dict[str, Any]:
        """Give the fields of the mapping."""
        answer = self._asked("GET", "/_mapping")
        return dict(next(iter(answer.values()))["mappings"].get("properties", {}))

    def _asked(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        answer = self._server.ask(method, self._path + path, body, missing=True)
        if answer is None:
            listed = self._server.ask("GET", "/_cat/indices?format=json&h=index")
            names = sorted(each["index"] for each in listed if not each["index"].startswith("."))
            there = nearest(self._name, names) if names else "there is none"
            raise RecipeError(f"{self._server.title} does not exist; {there}")
        return answer

    def _id_of(self, hit: Any) -> str | None:  # noqa: ANN401 - JSON
        if self._id_field is None:
            return str(hit["_id"])
        value = _inside(hit.get("_source") or {}, self._id_field)
        return None if value is None else str(value)


class VectorRecords(ElasticRecords):
    """An index with vectors."""

    def __init__(self, server: Server, name: str, id_field: str | None, *, vector: str, candidates: int | None) -> None:
        super().__init__(server, name, id_field, {"exists": {"field": vector}})
        self._vector, self._candidates = vector, candidates

    def facts(self) -> Facts:
        """Read the mapping, and count."""
        field = self._field()
        dim = field.get("dims", field.get("dimension"))
        method = field.get("method", {})
        named = field.get("similarity") or field.get("space_type") or method.get("space_type")
        metric = _METRICS.get(named or ("l2" if self._is_opensearch(field) else "cosine"))
        if metric is None:
            raise ModelError(f"{self._server.title} compares by {named}; {', '.join(sorted(_METRICS))} are supported")
        return Facts(self._server.title, self.count(), self.marker(), None if dim is None else int(dim), metric)

    def nearest(self, vectors: Float32[np.ndarray, "queries dim"], limit: int) -> list[list[Key]]:
        """Search by each vector, all in one request."""
        field, name = self._field(), self._vector
        searches: list[object] = []
        for vector in vectors.tolist():
            if self._is_opensearch(field):
                body: dict[str, Any] = {"query": {"knn": {name: {"vector": vector, "k": limit}}}}
            else:
                candidates = min(DEEPEST, max(limit, self._candidates or 2 * limit))
                knn = {"field": name, "query_vector": vector, "k": limit, "num_candidates": candidates}
                body = {"knn": knn}
            searches.append(body | {"size": limit, "_source": False})
        return [[str(hit["_id"]) for hit in hits] for hits in self.searched(searches)]

    def vectors_of(self, keys: Sequence[Key]) -> tuple[list[Key], Float32[np.ndarray, "records dim"]]:
        """Fetch vectors."""
        name = self._vector
        # Elasticsearch 9.2 and later leave vectors out of `_source` and give them as a field.
        body: dict[str, Any] = {"query": {"ids": {"values": list(keys)}}, "size": len(keys), "_source": [name]}
        if not self._is_opensearch(self._field()):
            body["fields"] = [name]
        (hits,) = self.searched([body])
        rows = [(str(hit["_id"]), self._vector_of(hit)) for hit in hits]
        rows = [(key, vector) for key, vector in rows if vector is not None]
        return [key for key, _ in rows], np.array([vector for _, vector in rows], np.float32, ndmin=2)

    def _vector_of(self, hit: Any) -> list[float] | None:  # noqa: ANN401 - JSON
        name = self._vector
        value = _inside(hit.get("_source") or {}, name)
        value = hit.get("fields", {}).get(name) if value is None else value
        return value if isinstance(value, list) else None

    def _field(self) -> dict[str, Any]:
        properties, path = self.properties(), self._vector.split(".")
        for step in path[:-1]:
            properties = properties.get(step, {}).get("properties", {})
        field = properties.get(path[-1])
        if field is None:
            there = nearest(self._vector, sorted(self.properties()))
            raise RecipeError(f"{self._server.title} has no field {self._vector!r}, which vector names; {there}")
        if field.get("type") not in ("dense_vector", "knn_vector"):
            kind = field.get("type", "object")
            raise ModelError(f"{self._server.title}: field {self._vector!r} is of type {kind}, not of vectors")
        return dict(field)

    def _is_opensearch(self, field: dict[str, Any]) -> bool:
        return field.get("type") == "knn_vector"


class TextRecords(ElasticRecords):
    """An index with words."""

    def __init__(self, server: Server, name: str, id_field: str | None, *, fields: Sequence[str]) -> None:
        super().__init__(server, name, id_field, {"match_all": {}})
        self._fields = list(fields)

    def facts(self) -> Facts:
        """Count."""
        return Facts(self._server.title, self.count(), self.marker())

    def matching(self, texts: Sequence[str], limit: int) -> list[list[tuple[Key, float]]]:
        """Search by each text, all in one request."""
        searches: list[object] = []
        for text in texts:
            query = {"multi_match": {"query": text, "fields": self._fields}}
            searches.append({"query": query, "size": limit, "_source": False})
        return [[(str(hit["_id"]), float(hit["_score"])) for hit in hits] for hits in self.searched(searches)]


def _inside(value: Any, path: str) -> Any:  # noqa: ANN401 - JSON
    """Follow the path to a field, which a document may also name as a whole."""
    if isinstance(value, dict) and path in value:
        return value[path]
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value
