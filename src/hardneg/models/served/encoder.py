"""A model behind an endpoint as an encoder."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.util import find_spec

import numpy as np
import polars as pl
from jaxtyping import Float32

from hardneg.endpoints.kept import answer_file, answers_path, key_of
from hardneg.endpoints.key import read_key
from hardneg.engines import share_of, shared
from hardneg.errors import MissingExtraError, ModelError
from hardneg.models.served.address import ServedModel
from hardneg.models.served.cost import EncodingCost, estimate_tokens
from hardneg.models.store import is_stored

Keep = Callable[[Mapping[bytes, bytes]], None]

_KIND = "embeddings"  # of what is kept
_ANY_TEXT = "text"  # where no text of a block has a character, and the number of dimensions is wanted


@dataclass(frozen=True, eq=False)
class ServedEncoder:
    """A model that a server encodes with; vectors are unit length.

    Each vector is kept on disk by content (address, model, options, prompt and text), so no text is paid for twice,
    whatever the dataset or the run. A text without a character is not sent: its vector is zero, near to nothing.
    """

    server: ServedModel
    dimensions: int | None = None
    query_prompt: str | None = None
    document_prompt: str | None = None

    @property
    def query_form(self) -> None:
        """No server knows conversations by a form of ours."""

    @property
    def concurrency(self) -> int:
        """Requests at one time, by whomever."""
        return self.server.concurrency

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the address, the model's name and options, and the prompts; what the server does stays its own."""
        decisive: list[object] = [
            self._asked("query"),
            self._asked("document"),
            self.query_prompt or "",
            self.document_prompt or "",
        ]
        decisive += [self.server.base_url, self.server.max_characters]
        return f"served-{hashlib.blake2b(json.dumps(decisive).encode(), digest_size=16).hexdigest()}"

    def encode_queries(self, texts: list[str]) -> Float32[np.ndarray, "texts dim"]:
        """Turn queries into vectors, in the order given; what was encoded before is not asked for."""
        return self._encode(texts, "query")

    def encode_documents(self, texts: list[str]) -> Float32[np.ndarray, "texts dim"]:
        """Turn documents into vectors, in the order given; what was encoded before is not asked for."""
        return self._encode(texts, "document")

    def estimate(self, texts: pl.Series, *, kind: str) -> EncodingCost:
        """Say what encoding these texts will take, in tokens and, if the price is known, in money; nothing is sent."""
        keys = self._keys(texts.fill_null("").to_list(), kind)
        if is_stored(self, texts, kind=kind):
            return EncodingCost(self.server.model, len(keys), len(keys), 0, self.server.price and 0.0)
        with shared(answer_file, answers_path(_KIND)) as file:
            there = file.has(list(keys))
        tokens = estimate_tokens([len(text) for key, text in keys.items() if key not in there])
        price = None if self.server.price is None else tokens * self.server.price / 1e6
        return EncodingCost(self.server.model, len(keys), len(there), tokens, price)

    def _asked(self, kind: str) -> dict[str, object]:
        return self.server.asked_for(kind, self.dimensions)

    def _sent(self, text: str, kind: str) -> str:
        """Give what is sent for a text."""
        prompt = self.query_prompt if kind == "query" else self.document_prompt
        return f"{prompt or ''}{text}"[: self.server.max_characters]

    def _keys(self, texts: Iterable[str], kind: str) -> dict[bytes, str]:
        """List what is kept under which key; texts without a character are left out."""
        asked = self._asked(kind)
        sent = (self._sent(text, kind) for text in dict.fromkeys(texts) if text.strip())
        return {key_of(self.server.base_url, asked, text): text for text in sent}

    def _encode(self, texts: list[str], kind: str) -> Float32[np.ndarray, "texts dim"]:
        keys = self._keys(texts, kind) or self._keys([_ANY_TEXT], kind)
        with shared(answer_file, answers_path(_KIND)) as file:
            stored = file.read(list(keys))
            missing = [(key, text) for key, text in keys.items() if key not in stored]
            if missing:
                self._fetch(missing, kind, file.write)
                stored |= file.read([key for key, _ in missing])
        sizes = {len(vector) for vector in stored.values()}
        if len(sizes) != 1:
            dimensions = " and ".join(str(size // 4) for size in sorted(sizes))
            raise ModelError(
                f"model {self.server.model!r} at {self.server.base_url} gave vectors of {dimensions} dimensions: it is "
                f"not the same model as before; set HARDNEG_CACHE to another folder, or remove {answers_path(_KIND)}"
            )
        row = {text: number for number, text in enumerate(keys.values())}
        matrix = np.frombuffer(b"".join(stored[key] for key in keys), dtype=np.float32).reshape(len(keys), -1)
        vectors = np.zeros((len(texts), matrix.shape[1]), np.float32)
        for number, text in enumerate(texts):
            if text.strip():
                vectors[number] = matrix[row[self._sent(text, kind)]]
        return vectors

    def _fetch(self, missing: list[tuple[bytes, str]], kind: str, keep: Keep) -> None:
        if find_spec("httpx2") is None:
            raise MissingExtraError("httpx2", extra="llm", purpose=f"model {self.server.model!r}, behind an endpoint,")
        from hardneg.models.served.client import Fetching, fetch

        concurrency = share_of(self.server.concurrency)
        key = read_key(self.server.api_key_env)
        fetch(Fetching(self.server, key, self._asked(kind), self.dimensions, keep, concurrency), missing)


@lru_cache(maxsize=16)
def served_encoder(
    name: str, dimensions: int | None, query_prompt: str | None, document_prompt: str | None
) -> ServedEncoder:
    """Give the encoder that an address names; asked for again, it is the same object."""
    return ServedEncoder(ServedModel.named(name), dimensions, query_prompt, document_prompt)
