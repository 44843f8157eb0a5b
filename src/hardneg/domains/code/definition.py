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

    kind: Kind  # A method is a function that belongs to a class
    symbol: str  # its own name ("read_text")
    scope: str  # names of what it lies in, joined by dots ("Path"); empty at the top of a file
    line: int  # line on which it starts, decorators included, from 1
    summary: str  # first paragraph of its documentation, white space made single spaces; empty if it has none
    # its source without that documentation, indented as at the top of a file; of a class an outline, in which the
    # bodies of its methods are left out
    source: str
    signature: str  # its head on one line
    shape: str  # its parameters without names and defaults, with types where the language writes them: "(_, _=)"
    parameters: tuple[str, ...]  # names of its parameters
    # names of what it calls, sorted, each once: dotted from a name of the file ("os.path.join"), or with a dot in
    # front from a value (".append")
    calls: tuple[str, ...]
    ast_hash: str  # equal for definitions that differ in names of their own only; 16 hexadecimal digits
    trivial: bool  # whether its body says nothing of what it does, so that the name alone tells

    @property
    def name(self) -> str:
        """Qualified name inside its file ("Path.read_text")."""
        return f"{self.scope}.{self.symbol}" if self.scope else self.symbol


def tokens_hash(tokens: Iterable[str]) -> str:
    """Hash tokens in their order to 16 hexadecimal digits (BLAKE2b-64)."""
    return blake2b("\0".join(tokens).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
