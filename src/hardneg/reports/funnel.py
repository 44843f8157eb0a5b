"""The funnel: what became of every candidate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from hardneg.filters.apply import ALWAYS
from hardneg.reports.svg import number, picture, rect, share, text

_ROW, _BAR, _GAP = 40, 14, 18
_ALWAYS = tuple(filter_.name for filter_ in ALWAYS)


@dataclass(frozen=True, eq=False)
class Funnel:
    """From candidates through each filter to the chosen negatives, over all and by source."""

    counts: Mapping[str, Any]
    filters: Sequence[str] = ()
    stage: str = ""

    @property
    def key(self) -> str:
        """Name in links."""
        return f"funnel-{self.stage}" if self.stage else "funnel"

    @property
    def title(self) -> str:
        """What it shows."""
        return f"From candidates to negatives{f': {self.stage}' if self.stage else ''}"

    @property
    def lead(self) -> str:
        """How many were refused, and how many chosen."""
        refused = sum(self.counts["dropped"].values())
        return (
            f"Of {number(self.counts['candidates'])} candidates for {number(self.counts['queries'])} queries the "
            f"filters refused {number(refused)} ({share(refused, self.counts['candidates'])}); "
            f"{number(self.counts['selected'])} of the rest were chosen as negatives. A candidate that several filters "
            "object to is counted for the first."
        )

    @property
    def reasons(self) -> list[str]:
        """The filters that refused something, in the order in which they were asked."""
        known = [*_ALWAYS, *(name for name in self.filters if name not in _ALWAYS)]
        dropped = self.counts["dropped"]
        return [name for name in dict.fromkeys(known) if name in dropped] + [n for n in dropped if n not in known]

    def frame(self) -> pl.DataFrame:
        """One row a source, and one over all: `source`, `candidates`, `refused by …`, `left`, `chosen`."""
        rows = [("all sources", self.counts), *self.counts["sources"].items()]
        return pl.DataFrame(
            [
                {
                    "source": name,
                    "candidates": each.get("candidates", 0),
                    **{f"refused by {reason}": each.get("dropped", {}).get(reason, 0) for reason in self.reasons},
                    "left": each.get("eligible", 0),
                    "chosen": each["selected"],
                }
                for name, each in rows
            ]
        )

    def svg(self, width: int) -> Markup:
        """Bars that grow shorter from filter to filter, and below them one bar for each source."""
        whole = max(self.counts["candidates"], 1)
        steps = [("candidates", 0, whole, "kept")]
        left = self.counts["candidates"]
        for reason in self.reasons:
            refused = self.counts["dropped"][reason]
            left -= refused
            steps.append((f"refused by {reason}", left, refused, "refused"))
        steps += [
            ("left to choose from", 0, left, "kept"),
            ("chosen as negatives", 0, self.counts["selected"], "chosen"),
        ]
        parts, y = list[Markup](), 4.0
        for label, start, count, kind in steps:
            parts += _bar(
                width, y, label, [(start, count, kind)], whole=whole, said=f"{number(count)} · {share(count, whole)}"
            )
            y += _ROW
        if len(self.counts["sources"]) > 1:
            y += _GAP
            parts.append(text(0, y, "By source: refused, left, chosen", "heading"))
            y += 12
            for name, each in self.counts["sources"].items():
                parts += _source(width, y, name, each, whole)
                y += _ROW
        return picture(width, y, parts, title=self.title, description=self.lead)


def _source(width: int, y: float, name: str, counts: Mapping[str, Any], whole: int) -> list[Markup]:
    refused, chosen = sum(counts.get("dropped", {}).values()), counts["selected"]
    rest = max(counts.get("eligible", 0) - chosen, 0)
    segments = [(0, refused, "refused"), (refused, rest, "kept"), (refused + rest, chosen, "chosen")]
    said = f"{number(refused)} · {number(counts.get('eligible', 0))} · {number(chosen)}"
    return _bar(width, y, name, segments, whole=whole, said=said)


def _bar(
    width: int, y: float, label: str, segments: Sequence[tuple[int, int, str]], *, whole: int, said: str
) -> list[Markup]:
    parts = [text(0, y + 12, label), text(width, y + 12, said, "value", anchor="end")]
    parts.append(rect(0, y + 18, width, _BAR, "track"))
    for start, count, kind in segments:
        drawn = max(width * count / whole, 1.5 if count else 0)  # what is there shall be seen
        parts.append(
            rect(min(width * start / whole, width - drawn), y + 18, drawn, _BAR, kind, hint=f"{label}: {number(count)}")
        )
    return parts
