"""One function, method or class of a source file."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

Kind = Literal["function", "method", "class"]
KINDS: tuple[Kind, ...] = ("function", "method", "class")


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What a reader finds, whatever the language."""

    kind: Kind
    symbol: str
    scope: str
    line: int
    summary: str
    source: str
    signature: str
    shape: str
    parameters: tuple[str, ...]
    calls: tuple[str, ...]
    ast_hash: str
    trivial: bool

    @property
    def name(self) -> str:
        """Qualified name inside its file ("Path.read_text")."""
        return f"{self.scope}.{self.symbol}" if self.scope else self.symbol


def tokens_hash(tokens: Iterable[str]) -> str:
    """Hash tokens in their order to 16 hexadecimal digits (BLAKE2b-64)."""
    return blake2b("\0".join(tokens).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
