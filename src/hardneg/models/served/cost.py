"""What encoding behind an endpoint will cost, before it does."""

from dataclasses import dataclass

from hardneg.endpoints.bill import CHARACTERS_PER_TOKEN


@dataclass(frozen=True)
class EncodingCost:
    """How many texts there are, what of them is paid already, and about what the rest takes."""

    model: str
    n_texts: int
    n_kept: int
    tokens: int
    price: float | None

    @property
    def n_asked(self) -> int:
        """Texts that the server must be asked for."""
        return self.n_texts - self.n_kept

    def __add__(self, other: "EncodingCost") -> "EncodingCost":
        """Add up what is asked of one model about different texts."""
        price = None if self.price is None or other.price is None else self.price + other.price
        tokens = self.tokens + other.tokens
        return EncodingCost(self.model, self.n_texts + other.n_texts, self.n_kept + other.n_kept, tokens, price)

    def __str__(self) -> str:
        price = "no price was given" if self.price is None else f"about {self.price:,.2f} at the price given"
        return (
            f"model {self.model!r}: {self.n_texts:,} texts to encode, {self.n_kept:,} of them encoded before; the "
            f"others take about {self.tokens:,} tokens (counted as characters / {CHARACTERS_PER_TOKEN}): {price}"
        )


def estimate_tokens(characters: list[int]) -> int:
    """Count the tokens of texts by their lengths.

    >>> estimate_tokens([8, 9])
    5
    """
    return sum(-(-number // CHARACTERS_PER_TOKEN) for number in characters)
