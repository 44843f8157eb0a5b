"""How many negatives each query got, and who came up short."""

from dataclasses import dataclass

import polars as pl
from markupsafe import Markup

from hardneg.reports.svg import number, picture, rect, share, text

_HEIGHT, _FOOT, _HEAD = 150, 40, 22
_MOST_BARS = 17


@dataclass(frozen=True, eq=False)
class Supply:
    """Queries by the number of negatives that they got."""

    counts: pl.DataFrame
    wanted: int
    stage: str = ""

    @property
    def key(self) -> str:
        """Name in links."""
        return f"supply-{self.stage}" if self.stage else "supply"

    @property
    def title(self) -> str:
        """What it shows."""
        return f"Negatives for each query{f': {self.stage}' if self.stage else ''}"

    @property
    def n_queries(self) -> int:
        """Queries mined for."""
        return int(self.counts["queries"].sum())

    @property
    def n_short(self) -> int:
        """Queries with fewer negatives than wanted."""
        return int(self.counts.filter(pl.col("negatives") < self.wanted)["queries"].sum())

    @property
    def lead(self) -> str:
        """How many got their number."""
        none = int(self.counts.filter(pl.col("negatives") == 0)["queries"].sum())
        if not self.n_short:
            return f"Each of the {number(self.n_queries)} queries got its {self.wanted}."
        return (
            f"{number(self.n_short)} of {number(self.n_queries)} queries ({share(self.n_short, self.n_queries)}) got "
            f"fewer than {self.wanted}; {number(none)} got none."
        )

    def frame(self) -> pl.DataFrame:
        """One row a number: `negatives`, `queries`."""
        return self.counts

    def svg(self, width: int) -> Markup:
        """One bar for each number of negatives; those below the wanted number stand out."""
        bars = self._bars()
        slot = min(width / len(bars), 110)
        top = max(count for _, count, _ in bars) or 1
        base = _HEAD + _HEIGHT
        parts = [rect(0, base, slot * len(bars), 1, "rule")]
        for at, (label, count, short) in enumerate(bars):
            height = max(_HEIGHT * count / top, 1.5 if count else 0)
            x = at * slot
            parts.append(rect(x + slot * 0.14, base - height, slot * 0.72, height, "refused" if short else "chosen"))
            parts.append(text(x + slot / 2, base - height - 6, number(count), "value", anchor="middle"))
            parts.append(text(x + slot / 2, base + 16, label, "tick", anchor="middle"))
        parts.append(text(slot * len(bars) / 2, base + 34, "negatives of a query", "axis", anchor="middle"))
        return picture(width, base + _FOOT, parts, title=self.title, description=self.lead)

    def _bars(self) -> list[tuple[str, int, bool]]:
        """Give a label, a count and whether it is short for each bar; many numbers share bars."""
        size = -(-self.counts.height // _MOST_BARS)
        bars = []
        for start in range(0, self.counts.height, size):
            part = self.counts[start : start + size]
            low, high = part["negatives"][0], part["negatives"][-1]
            label = str(low) if low == high else f"{low}–{high}"
            bars.append((label, int(part["queries"].sum()), high < self.wanted))
        return bars


def supply(negatives: pl.LazyFrame, *, n_queries: int, wanted: int, stage: str = "") -> Supply:
    """Count queries by their number of negatives."""
    lengths = negatives.group_by("query_id").len("negatives").group_by("negatives").len("queries").collect()
    known = {int(row["negatives"]): int(row["queries"]) for row in lengths.iter_rows(named=True)}
    known[0] = n_queries - sum(known.values())
    most = max(wanted, *known)
    rows = [(at, known.get(at, 0)) for at in range(most + 1)]
    return Supply(pl.DataFrame(rows, schema={"negatives": pl.Int64, "queries": pl.Int64}, orient="row"), wanted, stage)
