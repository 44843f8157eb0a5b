"""A server on this machine that speaks the OpenAI protocol, and answers as a test tells it to."""

import base64
import json
import re
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-test-9f8e7d6c5b4a39281706"  # what tests take for a secret


@dataclass(frozen=True)
class Asked:
    """One request as it came in: its number from 0, its path, headers in lower case, and body."""

    number: int
    path: str
    headers: dict
    body: dict
    at: float

    def text(self, name: str) -> str:
        """The query or the document, from between its tags in the user message."""
        return re.search(rf"<{name}-(\w+)>\n(.*?)\n</{name}-\1>", self.body["messages"][1]["content"], re.DOTALL)[2]


@dataclass(frozen=True)
class Answer:
    """What to send back; with `hold`, only once the test lets go."""

    status: int = 200
    body: str = ""
    headers: dict = field(default_factory=dict)
    hold: bool = False


def says(content: str | None, *, finish_reason: str = "stop", refusal: str | None = None, hold: bool = False) -> Answer:
    """A completion with this text."""
    message = {"role": "assistant", "content": content} | ({"refusal": refusal} if refusal else {})
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 200, "completion_tokens": 12, "total_tokens": 212}
    return Answer(body=json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}), hold=hold)


def verdict(value: str | int, reason: str = "because", *, hold: bool = False) -> Answer:
    """A completion with a verdict as asked for."""
    return says(json.dumps({"reason": reason, "verdict": value}), hold=hold)


def embeddings(asked: "Asked", vector: Callable[[str], list[float]], **more: object) -> Answer:
    """Vectors of the texts that were asked for, by a rule; `more` replaces parts of the body."""
    rows = [vector(text) for text in asked.body["input"]]
    if asked.body.get("encoding_format") == "base64":
        rows = [base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode() for row in rows]
    data = [{"object": "embedding", "index": number, "embedding": row} for number, row in enumerate(rows)]
    usage = {"prompt_tokens": 3 * len(rows), "total_tokens": 3 * len(rows)}
    return Answer(
        body=json.dumps({"object": "list", "data": data, "model": asked.body["model"], "usage": usage} | more)
    )


def problem(status: int, message: str = "no", *, code: str | None = None, **headers: str) -> Answer:
    """An error; `retry_after="1"` becomes the header Retry-After."""
    body = json.dumps({"error": {"message": message, "type": "error", "code": code}})
    return Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class LocalLLM:
    """What the server saw, and what it is to answer.

    Args:
        script: Gives the answer to each request; it may be replaced at any time.
    """

    def __init__(self, script: Callable[[Asked], Answer]) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self.let_go = threading.Event()
        self.base_url = ""
        self._open = 0
        self._changed = threading.Condition()

    def wait_for(self, n_asked: int) -> None:
        """Wait until so many requests have come in."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.asked) >= n_asked, timeout=60), len(self.asked)

    def take(self, path: str, headers: dict, body: dict) -> Answer:
        """Note a request down and decide on its answer."""
        with self._changed:
            asked = Asked(len(self.asked), path, headers, body, time.monotonic())
            self.asked.append(asked)
            self._open += 1
            self.most_at_once = max(self.most_at_once, self._open)
            self._changed.notify_all()
        answer = self.script(asked)
        if answer.hold:
            self.let_go.wait(60)
        return answer

    def finish(self) -> None:
        """Note down that a request is about to be answered."""
        with self._changed:
            self._open -= 1


@contextmanager
def serving(script: Callable[[Asked], Answer]) -> Iterator[LocalLLM]:
    """Run a server in threads of this process."""
    state = LocalLLM(script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = state.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            state.finish()
            content = answer.body.encode()
            try:
                self.send_response(answer.status)
                for name, value in ({"Content-Type": "application/json"} | answer.headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:  # a client that was killed
            pass

    server = Server(("127.0.0.1", 0), Handler)
    state.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()
