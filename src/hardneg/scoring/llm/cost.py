"""What judging will cost, before it does."""

from dataclasses import dataclass

from hardneg.endpoints.bill import CHARACTERS_PER_TOKEN

ANSWER_TOKENS = 50  # a JSON object with a reason of one sentence; thinking models write far more


@dataclass(frozen=True)
class CostEstimate:
    """What is asked for, what of it is paid already, and about what the rest takes."""

    n_pairs: int
    n_cached: int
    tokens_in: int
    tokens_out: int
    price: float | None
    judge: str = ""  # who is asked, for people

    def __add__(self, other: "CostEstimate") -> "CostEstimate":
        """Add up what is asked about different pairs of one judge."""
        return CostEstimate(
            self.n_pairs + other.n_pairs,
            self.n_cached + other.n_cached,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            None if self.price is None or other.price is None else self.price + other.price,
            self.judge,
        )

    @property
    def n_asked(self) -> int:
        """Pairs that a request must be made for."""
        return self.n_pairs - self.n_cached

    def __str__(self) -> str:
        counts = f"{self.n_pairs:,} pairs to judge, {self.n_cached:,} of them judged before; the others take about "
        tokens = f"{self.tokens_in:,} tokens in (counted as characters / 4) and {self.tokens_out:,} out"
        price = "no price was given" if self.price is None else f"about {self.price:,.2f} at the prices given"
        judge = f"judge {self.judge!r}: " if self.judge else ""
        return f"{judge}{counts}{tokens}: {price}"


def estimate_requests(
    n_pairs: int,
    characters: list[int],
    *,
    answer_tokens: int | None,
    price_in: float | None,
    price_out: float | None,
) -> CostEstimate:
    """Estimate from the length of what will be sent.

    >>> print(estimate_requests(3, [4_000, 4_002], answer_tokens=None, price_in=1_000.0, price_out=10_000.0))
    3 pairs to judge, 1 of them judged before; the others take about 2,001 tokens in (counted as \
characters / 4) and 100 out: about 3.00 at the prices given
    """
    tokens_in = sum(-(-number // CHARACTERS_PER_TOKEN) for number in characters)
    tokens_out = len(characters) * min(ANSWER_TOKENS, answer_tokens or ANSWER_TOKENS)
    price = None
    if price_in is not None and price_out is not None:
        price = (tokens_in * price_in + tokens_out * price_out) / 1e6
    return CostEstimate(n_pairs, n_pairs - len(characters), tokens_in, tokens_out, price)
