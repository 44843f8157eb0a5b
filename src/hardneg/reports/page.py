"""The page: sections that exist, put into one self-contained HTML file."""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import polars as pl
from jinja2 import Environment, FunctionLoader, StrictUndefined, UndefinedError
from markupsafe import Markup

from hardneg.audits.plot import frontier_figure
from hardneg.drawing.figure import Figure, style
from hardneg.drawing.intervals import Intervals
from hardneg.drawing.svg import NARROW, WIDE, number
from hardneg.reports.contents import Audited, Contents
from hardneg.reports.examples import Caps, Examples, examples, pick_queries, rows_of
from hardneg.reports.figures_of_mining import funnel, hardness, supply
from hardneg.reports.figures_of_quality import climbs, differences, gains, ladder, plain, pool_sizes, quality, race
from hardneg.reports.figures_of_training import costs, curves, refreshes, replacements, watching
from hardneg.reports.findings import all_findings
from hardneg.reports.headline import headline
from hardneg.spreadsheets import guarded_frame

_SHOWN_ROWS, _CSV_BYTES, _EXTREMES, _TRAININGS, _PLACES = 40, 150_000, 8, 12, 2
_SHARES = ("contamination", "leakage", "retrieved", "coverage")


@dataclass(frozen=True, eq=False)
class PageSection:
    """A part of the page."""

    key: str
    short: str  # its name in the list of sections
    title: str
    figures: Sequence[Figure]
    notes: Sequence[str] = ()
    folded: bool = False  # whether all figures but the first are folded away


def page(contents: Contents, *, caps: Caps | None = None) -> str:
    """Write the report."""
    shown = _examples(contents, caps or Caps())
    environment = Environment(
        autoescape=True, loader=FunctionLoader(_read), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"table": _table, "csv": _csv, "plain": plain}
    try:
        return _rendered(environment, contents, shown)
    except UndefinedError as error:  # a value is not of the kind that a figure is made of
        raise TypeError(str(error)) from error


def _rendered(environment: Environment, contents: Contents, shown: Examples | None) -> str:
    script = _as_it_is(_read("browser.js"))
    return environment.get_template("page.html").render(
        contents=contents,
        headline=headline(contents),
        sections=list(sections(contents)),
        findings=all_findings(contents),
        examples=shown,
        data=None if shown is None else _json(shown.as_dict()),
        style=_as_it_is(style() + _read("style.css")),
        script=script,
        script_hash=_hash(script),
        wide=WIDE,
        narrow=NARROW,
        extremes=_EXTREMES,
        places=_PLACES,
    )


def sections(contents: Contents) -> Iterator[PageSection]:
    """List the sections for which there is something to show, in order."""
    many = contents.ladder is not None  # what each rung mined, of which the first is that of the rung that is shown
    hard = "How hard the candidates are"
    stages = [costs(contents.stages, contents.machine)] if contents.stages else []
    all_sections = [
        PageSection("quality", "Quality", "What it did to the model", _there(_quality(contents))),
        PageSection("queries", "Queries", "Query by query", _there(_gains(contents))),
        PageSection("funnel", "Mining", "What was mined, and what refused", _there(_mined(contents)), folded=many),
        PageSection("hardness", "Hardness", hard, _there(_hardness(contents)), _hardness_notes(contents), folded=many),
        PageSection("audit", "Audit", "Answers among the negatives", _there(_audits(contents)), _caveats(contents)),
        PageSection(
            "training", "Training", "Training", _there(_training(contents)), _training_notes(contents), folded=True
        ),
        PageSection("costs", "Costs", "Costs", stages),
    ]
    yield from (section for section in all_sections if section.figures)


def _there(figures: Iterator[Figure | None]) -> list[Figure]:
    return [figure for figure in figures if figure is not None]


def _quality(contents: Contents) -> Iterator[Figure | None]:
    if contents.rows:
        yield quality(contents.rows)
        yield differences(contents.rows)
    if contents.race is not None:
        yield race(contents.race)
    climbed = contents.ladder
    if climbed is not None:
        yield ladder(climbed)
        yield climbs(climbed.comparisons, measure=climbed.measure) if climbed.comparisons.height else None
        yield pool_sizes(climbed.rungs, measure=climbed.measure)


def _gains(contents: Contents) -> Iterator[Figure]:
    """Compare with the last row; of a ladder, with the rung that the page goes into."""
    climbed, texts = contents.ladder, contents.texts
    rows = contents.rows if climbed is None else sorted(climbed.rows, key=lambda row: row.name == climbed.subject)
    yield from gains(rows, contents.placed, None if texts is None else texts["queries"])


def _mined(contents: Contents) -> Iterator[Figure]:
    for mined in contents.mined:
        yield funnel(mined.funnel, mined.filters, mined.stage)
        queries = mined.funnel["queries"]
        yield supply(mined.negatives, n_queries=queries, wanted=mined.per_query, stage=mined.stage)


def _hardness(contents: Contents) -> Iterator[Figure]:
    for mined in contents.mined:
        yield from hardness(mined.candidates, mined.negatives, stage=mined.stage)


def _hardness_notes(contents: Contents) -> Sequence[str]:
    if not contents.mined:
        return ()
    return (
        "Labelled positives are the rows that the filter of known positives refused: labelled documents and those of "
        "equal text. The further right, the harder. A negative among the positives is either the best lesson there is "
        "or an answer that nobody labelled. Each shape is drawn to its own height.",
    )


def _audits(contents: Contents) -> Iterator[Figure]:
    for audited in contents.audits:
        if audited.figures:
            yield _shares(audited)
        if audited.frontier is not None and audited.frontier.height:
            yield frontier_figure(audited.frontier, score=audited.score, best=audited.best, budget=audited.budget)


def _shares(audited: Audited) -> Figure:
    from hardneg.audits.measures import MEANING  # brings scipy, which a page without an audit need not wait for

    rows = [
        {
            "name": name,
            **{key: audited.figures[name][key] for key in ("value", "low", "high")},
            "meaning": MEANING[name],
        }
        for name in _SHARES
        if name in audited.figures
    ]
    table = pl.DataFrame(rows, schema_overrides=dict.fromkeys(("value", "low", "high"), pl.Float64))
    value = audited.figures["contamination"]["value"]
    lead = f"{'–' if value is None else f'{value:.2%}'} of the negatives are answers that were hidden from mining."
    title = "How many answers came back as negatives"
    return Figure("audit", title, lead, table, Intervals(table, "share", percent=True))


def _caveats(contents: Contents) -> Sequence[str]:
    return tuple(dict.fromkeys(caveat for audited in contents.audits for caveat in audited.caveats))


def _training(contents: Contents) -> Iterator[Figure | None]:
    last = contents.rows[-1].name if contents.rows else ""
    for trained in sorted(contents.trained, key=lambda each: not each.model.startswith(last))[:_TRAININGS]:
        yield curves(trained.model, trained.records, trained.findings)
        yield watching(trained.model, trained.watched)
        yield refreshes(trained.model, trained.refreshes)
        yield replacements(trained.model, trained.replacements)


def _training_notes(contents: Contents) -> Sequence[str]:
    more = len(contents.trained) - _TRAININGS
    return (f"{number(more)} further trainings are not drawn; their findings are above.",) if more > 0 else ()


def _examples(contents: Contents, caps: Caps) -> Examples | None:
    """Choose examples from each stage, the same number from all."""
    if not contents.mined:
        return None
    tables, hardest, n_queries = list[pl.DataFrame](), list[str](), 0
    n = len(contents.mined)
    fewer = Caps(-(-caps.sampled // n), -(-caps.hardest // n), caps.size)
    for mined in contents.mined:
        close, drawn, count = pick_queries(mined.negatives, mined.candidates, caps=fewer, seed=contents.seed)
        tables.append(rows_of(mined.candidates, mined.negatives, [*close, *drawn], stage=mined.stage))
        hardest += close
        n_queries = max(n_queries, count)
    rows = pl.concat(tables, how="diagonal_relaxed")
    return examples(rows, contents.texts, hardest=hardest, n_queries=n_queries, caps=caps)


def _table(frame: pl.DataFrame) -> dict[str, Any]:
    """Write the first rows of a frame for people."""
    head = frame.head(_SHOWN_ROWS)
    numeric = [dtype.is_numeric() for dtype in head.dtypes]
    rows = [[_cell(value) for value in row] for row in head.iter_rows()]
    return {"columns": list(zip(head.columns, numeric, strict=True)), "rows": rows, "left": frame.height - head.height}


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value, 4) if isinstance(value, float) and abs(value) < 1 else number(value)
    return str(value)


def _csv(frame: pl.DataFrame) -> dict[str, Any]:
    """Write as many rows of a frame into a link as there is room for."""
    flat = frame.with_columns(pl.col(pl.List).cast(pl.List(pl.String)).list.join(" "))
    flat = guarded_frame(flat)
    text = flat.write_csv().encode()
    while len(text) > _CSV_BYTES and flat.height > 1:
        flat = flat.head(max(int(0.9 * flat.height * _CSV_BYTES / len(text)), 1))
        text = flat.write_csv().encode()
    link = "data:text/csv;charset=utf-8;base64," + base64.b64encode(text).decode()
    return {"link": link, "rows": flat.height, "cut": flat.height < frame.height}


def _json(value: object) -> Markup:
    """Write JSON that can stand inside a script element: nothing in it ends one or begins a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return _as_it_is(text)


def _as_it_is(text: str) -> Markup:
    """Let a text stand in the page as it is: of the package's own files, or without anything that is markup."""
    return Markup(text)  # nosec B704


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _read(name: str) -> str:
    return resources.files("hardneg.reports").joinpath(name).read_text(encoding="utf-8")
