"""A server of this machine that answers as Elasticsearch or OpenSearch does, as far as the sources ask.

It is no Elasticsearch: requests and answers have the shapes of both's documentation, the search behind is exact.
What they refuse it refuses.
"""

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np

SIMILARITIES = {
    "elasticsearch": {"cosine": "cosine", "dot": "max_inner_product", "l2": "l2_norm"},
    "opensearch": {"cosine": "cosinesimil", "dot": "innerproduct", "l2": "l2"},
}


class Refusal(Exception):  # noqa: N818 - it is an answer
    def __init__(self, status, type_, reason):
        super().__init__(reason)
        self.status = status
        self.body = {"error": {"root_cause": [], "type": type_, "reason": reason}, "status": status}


class Store:
    """What lies there, and what was asked."""

    def __init__(self, flavour):
        self.flavour, self.indices, self.scrolls, self.asked = flavour, {}, {}, []
        self.failing = []  # statuses that the next requests get, with what else they say
        self.hides_vectors = False  # from `_source`, as Elasticsearch 9.2 does

    def create(self, name, dim, metric):
        similarity = SIMILARITIES[self.flavour][metric]
        vector = (
            {"type": "dense_vector", "dims": dim, "index": True, "similarity": similarity}
            if self.flavour == "elasticsearch"
            else {"type": "knn_vector", "dimension": dim, "method": {"name": "hnsw", "space_type": similarity}}
        )
        properties = {"vector": vector, "text": {"type": "text"}, "meta": {"properties": {"id": {"type": "keyword"}}}}
        mapping = {"mappings": {"properties": properties}}
        self.indices[name] = {
            "metric": metric,
            "mapping": mapping,
            "rows": {},
            "writes": 0,
            "uuid": f"uuid-{len(self.indices)}",
        }

    def put(self, name, key, source):
        self.indices[name]["rows"][key] = source
        self.indices[name]["writes"] += 1

    def index(self, name):
        if name not in self.indices:
            raise Refusal(404, "index_not_found_exception", f"no such index [{name}]")
        return self.indices[name]

    def matching(self, index, query):
        match query:
            case {"exists": {"field": field}}:
                return [key for key, source in index["rows"].items() if source.get(field) is not None]
            case {"match_all": {}}:
                return list(index["rows"])
            case {"ids": {"values": values}}:
                return [key for key in values if key in index["rows"]]
        raise Refusal(400, "parsing_exception", f"unknown query {sorted(query)}")

    def search(self, name, body):
        index = self.index(name)
        allowed = {"query", "knn", "size", "_source", "sort", "fields"}
        if body.keys() - allowed or not 0 < body["size"] <= 10_000:
            raise Refusal(400, "illegal_argument_exception", f"{sorted(body)}, size {body.get('size')}")
        match body.get("knn"), body.get("query"):
            case {"field": field, "query_vector": vector, "k": k, "num_candidates": n}, None:
                if self.flavour != "elasticsearch" or n < k or n > 10_000:
                    raise Refusal(400, "illegal_argument_exception", "[num_candidates] cannot be less than [k]")
                hits = self.nearest(index, field, vector, k)
            case None, {"knn": knn}:
                ((field, asked),) = knn.items()
                if self.flavour != "opensearch" or asked.keys() != {"vector", "k"}:
                    raise Refusal(400, "parsing_exception", "unknown query [knn]")
                hits = self.nearest(index, field, asked["vector"], asked["k"])
            case None, {"multi_match": {"query": text, "fields": ["text"]}}:
                words = set(text.split())
                scores = {key: len(words & set(source["text"].split())) for key, source in index["rows"].items()}
                hits = [(key, float(n)) for key, n in sorted(scores.items(), key=lambda one: -one[1]) if n]
            case None, query:
                hits = [(key, 1.0) for key in self.matching(index, query)]
            case _:
                raise Refusal(400, "parsing_exception", "knn and query")
        return [self.hit(name, key, score, body) for key, score in hits[: body["size"]]]

    def nearest(self, index, field, vector, k):
        keys = [key for key, source in index["rows"].items() if source.get(field)]
        matrix, vector = np.array([index["rows"][key][field] for key in keys]), np.array(vector)
        match index["metric"]:
            case "cosine":
                scores = (1 + matrix @ vector / np.linalg.norm(matrix, axis=1) / np.linalg.norm(vector)) / 2
            case "dot":
                scores = matrix @ vector
            case "l2":
                scores = 1 / (1 + ((matrix - vector) ** 2).sum(axis=1))
        return [(keys[at], float(scores[at])) for at in np.argsort(-scores, kind="stable")[:k]]

    def hit(self, name, key, score, body):
        source, hit = self.indices[name]["rows"][key], {"_index": name, "_id": key, "_score": score}
        if wanted := body["_source"]:
            steps = wanted[0].split(".")
            value = source.get(steps[0])
            if value is not None and not (self.hides_vectors and isinstance(value, list)):
                hit["_source"] = {steps[0]: value}
        for field in body.get("fields", []):
            if self.flavour == "opensearch":
                raise Refusal(400, "illegal_argument_exception", f"fields of {field}")
            hit["fields"] = {field: source[field]}
        return hit


def answer(store, method, path, query, body):  # noqa: C901 - a list of what can be asked
    """Give what a request is answered with."""
    match [method, *path.strip("/").split("/")]:
        case ["GET", "_cat", "indices"]:
            return [{"index": name} for name in (*store.indices, ".security-7")]
        case ["POST", "_msearch"]:
            responses = []
            for head, search in zip(body[::2], body[1::2], strict=True):
                try:
                    responses.append({"took": 1, "status": 200, "hits": {"hits": store.search(head["index"], search)}})
                except Refusal as error:
                    responses.append(error.body)
            return {"took": 1, "responses": responses}
        case ["POST", "_search", "scroll"]:
            rest = store.scrolls[body["scroll_id"]]
            return {"_scroll_id": body["scroll_id"], "hits": {"hits": [rest.pop(0) for _ in rest[:1_000]]}}
        case ["DELETE", "_search", "scroll"]:
            del store.scrolls[body["scroll_id"]]
            return {"succeeded": True, "num_freed": 1}
        case ["POST", name, "_count"]:
            return {"count": len(store.matching(store.index(name), body["query"]))}
        case ["POST", name, "_search"]:
            assert re.fullmatch(r"\d+m", query["scroll"][0])
            hits = [store.hit(name, key, None, body) for key in store.matching(store.index(name), body["query"])]
            scroll = f"scroll-{len(store.asked)}"
            store.scrolls[scroll] = hits[body["size"] :]
            return {"_scroll_id": scroll, "hits": {"hits": hits[: body["size"]]}}
        case ["GET", name, "_mapping"]:
            return {name: store.index(name)["mapping"]}
        case ["GET", name, "_stats", "docs"]:
            index = store.index(name)
            shard = {"routing": {"primary": True}, "seq_no": {"max_seq_no": index["writes"] - 1}}
            return {"indices": {name: {"uuid": index["uuid"], "shards": {"0": [shard]}}}}
    raise Refusal(405, "illegal_argument_exception", f"{method} {path}")


@contextmanager
def serving(flavour="elasticsearch"):
    """Serve on a port of this machine; gives the store and the address."""
    store = Store(flavour)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            is_lines = self.headers.get("Content-Type") == "application/x-ndjson"
            body = [json.loads(line) for line in raw.splitlines()] if is_lines else json.loads(raw) if raw else None
            parts = urlsplit(self.path)
            store.asked.append((self.command, parts.path, dict(self.headers)))
            headers = {}
            try:
                if store.failing:
                    status, headers, given = store.failing.pop(0)
                else:
                    status, given = 200, answer(store, self.command, parts.path, parse_qs(parts.query), body)
            except Refusal as error:
                status, given = error.status, error.body
            content = (given if isinstance(given, str) else json.dumps(given)).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_DELETE = do_POST  # noqa: N815

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield store, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
