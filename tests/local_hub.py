"""A Hub on this machine: the requests that huggingface_hub sends to make, fill, list and read a repository."""

import base64
import hashlib
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGE = (".parquet", ".safetensors", ".bin")  # what a Hub keeps by its hash (LFS)
_REPO = r"(?P<kind>models|datasets)/(?P<repo>[^/]+/[^/]+)"


@dataclass
class Repo:
    """What it holds, commit by commit."""

    private: bool
    commits: list[dict[str, bytes]] = field(default_factory=lambda: [{}])

    @property
    def head(self) -> str:
        return hashlib.sha1(f"{len(self.commits)}".encode(), usedforsecurity=False).hexdigest()


@dataclass
class LocalHub:
    """Repositories by kind and name, large files by hash, and each request with its token."""

    token: str
    address: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def files(self, name: str) -> dict[str, bytes]:
        """The newest files of a repository, as `datasets/me/x`."""
        return self.repos[name].commits[-1]


@contextmanager
def serving_hub(token: str) -> Iterator[LocalHub]:
    """Run it in threads of this process."""
    hub = LocalHub(token)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._answer(_posted)

        def do_PUT(self) -> None:
            self._answer(_put)

        def do_GET(self) -> None:
            self._answer(_read)

        do_HEAD = do_GET  # noqa: N815

        def _answer(self, how) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = urllib.parse.unquote(self.path.partition("?")[0])
            hub.asked.append((self.command, path))
            public = self.command != "POST" and not path.startswith("/api")
            allowed = self.headers.get("Authorization") == f"Bearer {hub.token}" or public
            status, content, headers = how(hub, path, body) if allowed else (401, {"error": "who are you?"}, {})
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def log_message(self, *_) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        hub.address = f"http://127.0.0.1:{server.server_port}"
        try:
            yield hub
        finally:
            server.shutdown()


def _posted(hub: LocalHub, path: str, body: bytes):
    if path == "/api/repos/create":
        asked = json.loads(body)
        name = f"{asked.get('type') or 'model'}s/{asked['organization']}/{asked['name']}"
        status = 409 if name in hub.repos else 200
        hub.repos.setdefault(name, Repo(asked.get("private") or asked.get("visibility") == "private"))
        return status, {"url": f"{hub.address}/{name.removeprefix('models/')}", "id": name}, {}
    if path == "/api/validate-yaml":
        return 200, {"errors": [], "warnings": []}, {}
    if match := re.fullmatch(rf"/api/{_REPO}/preupload/[^/]+", path):
        files = [
            {"path": each["path"], "uploadMode": "lfs" if each["path"].endswith(LARGE) else "regular", "oid": None}
            for each in json.loads(body)["files"]
        ]
        return 200, {"files": [each | {"shouldIgnore": False} for each in files]}, {}
    if path.endswith(".git/info/lfs/objects/batch"):
        objects = [
            each | {"actions": {"upload": {"href": f"{hub.address}/objects/{each['oid']}", "header": {}}}}
            for each in json.loads(body)["objects"]
        ]
        return 200, {"transfer": "basic", "objects": objects}, {}
    if match := re.fullmatch(rf"/api/{_REPO}/commit/[^/]+", path):
        repo = hub.repos[f"{match['kind']}/{match['repo']}"]
        files = dict(repo.commits[-1])
        for line in map(json.loads, body.decode().splitlines()):
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            elif line["key"] == "lfsFile":
                files[line["value"]["path"]] = hub.objects[line["value"]["oid"]]
        repo.commits.append(files)
        return 200, {"commitUrl": f"{hub.address}/{match['repo']}/commit/{repo.head}", "commitOid": repo.head}, {}
    return 404, {"error": path}, {}


def _put(hub: LocalHub, path: str, body: bytes):
    oid = path.removeprefix("/objects/")
    assert hashlib.sha256(body).hexdigest() == oid
    hub.objects[oid] = body
    return 200, {}, {}


def _read(hub: LocalHub, path: str, _body: bytes):
    if match := re.fullmatch(rf"/api/{_REPO}(?:/(?P<what>revision|tree)/[^/]+)?", path):
        repo = hub.repos.get(f"{match['kind']}/{match['repo']}")
        if repo is None:
            return 404, {"error": "not found"}, {"X-Error-Code": "RepoNotFound"}
        if match["what"] != "tree":
            return 200, {"id": match["repo"], "sha": repo.head, "siblings": [], "private": repo.private, "tags": []}, {}
        tree = [
            {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
            for name, content in repo.commits[-1].items()
        ]
        return 200, tree, {}
    if match := re.fullmatch(r"/(?:(datasets)/)?([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
        name = f"{match[1] or 'models'}/{match[2]}"
        content = hub.repos[name].commits[-1].get(match[3])
        if content is None:
            return 404, {"error": "no such file"}, {"X-Error-Code": "EntryNotFound"}
        return 200, content, {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": hub.repos[name].head}
    return 404, {"error": path}, {}
