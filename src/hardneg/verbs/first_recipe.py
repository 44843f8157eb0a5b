"""A first recipe for a dataset, each choice with the reason that was seen in the data."""

import os
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hardneg.data.findings import Lengths
from hardneg.data.layout import Layout
from hardneg.data.reading import read_dataset
from hardneg.errors import RecipeError
from hardneg.files import named_path, replacing
from hardneg.recipe import Recipe
from hardneg.recipe.rooms import DEFAULT_MODEL
from hardneg.recipe.toml import toml_value
from hardneg.runs.lock import writing_file
from hardneg.verbs.first_look import FirstLook, first_look

_TOKENS_PER_WORD = 1.4  # of English in word pieces, about
_CUTS = (32, 64, 128, 256)  # tokens; most small models read no more
_LEAST_DEPTH = 10
_SMALL = 1000  # documents
_FEW_PAIRS = 1000
_MANY_PAIRS = 20_000
_FEW_QUERIES = 300
_ONE = 1.1  # positives of a query
_MUCH = 0.3  # a share of the queries that is worth a word
_WIDTH = 100
_ANALYZERS = {
    "code": ("code", "the documents are full of brackets and operators: identifiers are cut into their words"),
    "legal": ("legal", "the documents cite rules by number: numbers and citations are terms of their own"),
    "foreign": ("plain", 'not English: a Snowball language ("german", "finnish", …) would stem its words'),
    "english": ("english", "the documents read as English; another Snowball language can stand here"),
}
_BUILDERS = {
    "code": "the documents look like code: `hardneg data code` builds datasets that the preset `code` mines by file, "
    "class and name",
    "legal": "the documents look like rules: `hardneg data sections` adds what the preset `legal` mines by",
}


def first_recipe(
    dataset: str, out: Path, *, layout: Layout, model: str | None = None, skip_invalid: bool = False
) -> FirstLook:
    """Look at a dataset and write a recipe for it that runs as it is; a file that is there already is kept.

    The layout, the model and whether rows are skipped stand in the recipe as they were said.
    """
    with writing_file(out):
        return _first_recipe(dataset, out, layout=layout, model=model, skip_invalid=skip_invalid)


def _first_recipe(dataset: str, out: Path, *, layout: Layout, model: str | None, skip_invalid: bool) -> FirstLook:
    if out.exists():
        raise RecipeError(f"{out} is there already; name another file with -o, or run it: `hardneg run {out}`")
    data = read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid)
    look = first_look(data, name=dataset)
    address = {"path": _beside(dataset, out), **layout.said, **({"skip_invalid": True} if skip_invalid else {})}
    text = recipe_text(look, address, out=out, name=dataset, model=model or DEFAULT_MODEL)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out, sums=False) as draft:
        draft.write_text(text, encoding="utf-8")
    Recipe.load(out)
    return look


def recipe_text(look: FirstLook, address: Mapping[str, Any], *, out: Path, name: str, model: str) -> str:
    """Write the recipe: what was seen at the top, then each part with its reason."""
    parts = [
        _comment(
            f"Written by `hardneg init {name}` after a look at it. `hardneg run {out}` does all of it, "
            f"`hardneg estimate {out}` says how long that takes, and docs/recipes.md explains every key."
        ),
        "#\n",
        *(_comment(line, hanging=True) for line in seen(look)),
        "\n",
        *_head(look, address, model),
        *_mining(look),
        *_training(look),
        *_measuring(look),
    ]
    return "".join(parts)


def seen(look: FirstLook) -> Iterator[str]:
    """Say what was seen, a line each."""
    check = look.check
    yield f"Seen: {check.n_queries:,} queries, {check.n_documents:,} documents."
    for split, counts in check.splits.items():
        judged = f", {counts.judged_negatives:,} judged not relevant" if counts.judged_negatives else ""
        yield (
            f"- {split}: {counts.queries:,} queries with {counts.positives:,} positives, {counts.mean_positives:.2f} "
            f"each, {counts.most_positives} at most{judged}"
        )
    yield f"- length of queries: {_words(check.query_lengths)}; {look.short_share:.0%} have at most three words"
    yield f"- length of documents: {_words(check.document_lengths)}"
    if look.preset is None and look.kind in _BUILDERS:
        yield f"- {_BUILDERS[look.kind]}"
    if look.preset is None and look.has_turns:
        yield "- queries have a history: `hardneg data conversations` adds what the preset `conversation` mines by"
    for one in check.findings:
        if one.severity != "info":
            yield f"- {one.code} {one.severity}: {one.title} ({one.count:,}) → {one.remedy}"


def _head(look: FirstLook, address: Mapping[str, Any], model: str) -> Iterator[str]:
    yield _set("model", model, "trained, and the one that mines; a Hub id, a folder, or package:NAME/FOLDER")
    n = look.check.splits[look.measured].queries
    if n < _FEW_QUERIES:
        yield _comment(
            f"{n:,} queries in {look.measured} tell small differences badly; three trainings tell chance from gain:"
        )
        yield "# seeds = [1, 2, 3]\n"
    if look.preset is not None:
        reason = "the dataset has the metadata that its sources and filters read; docs/domains has what they do"
        yield _set("preset", look.preset, reason)
    yield "\n[dataset]\n"
    yield from (f"{key} = {toml_value(value)}\n" for key, value in address.items())


def _mining(look: FirstLook) -> Iterator[str]:
    n = look.check.n_documents
    if n < _SMALL:
        reason = f"candidates of each source; of {n:,} documents the usual 100 would be no hard ones"
        yield f"\n[mine]\n{_set('depth', max(_LEAST_DEPTH, n // 10), reason)}"
    if look.preset is None:
        yield from _components(look)
    else:
        yield "\n" + _comment(f"Sources, filters and selection are those of the preset {look.preset}.")
    yield from (("\n" + _comment(line)) for line in _doubts(look))


def _components(look: FirstLook) -> Iterator[str]:
    analyzer, reason = _ANALYZERS[look.kind]
    yield "\n" + _comment("Where candidates come from: by words, and by the model itself.")
    yield f'[[sources]]\nuse = "bm25"\n{_set("analyzer", analyzer, reason)}'
    yield f'\n[[sources]]\nuse = "dense"\nmax_tokens = {_cut(look)[0]}\n'
    if sum(counts.judged_negatives for counts in look.check.splits.values()):
        yield "\n" + _comment("What the labels call not relevant; these are negatives that somebody looked at.")
        yield '[[sources]]\nuse = "judged"\n'
    yield "\n" + _comment("What may not be a negative; labelled positives never are.")
    yield '[[filters]]\nuse = "near_duplicate"\n\n[[filters]]\nuse = "positive_margin"\nscore = "dense"\n'
    yield _set("ratio", 0.95, "what scores above 95 % of the weakest positive may be an answer that nobody labelled")
    yield f"\n[select]\n{_set('per_query', 4, 'of what is left, the hardest')}"


def _doubts(look: FirstLook) -> Iterator[str]:
    if look.short_share >= _MUCH:
        yield (
            f"{look.short_share:.0%} of the queries have at most three words. Such a query has more answers than its "
            "labels name, and the model finds them first: count them before you train, with `hardneg audit planted`, "
            "and have `hardneg calibrate` choose the filter."
        )
    if look.check.splits["train"].mean_positives < _ONE:
        yield (
            "A query has one labelled answer, so nothing can be hidden to count how many negatives are answers: "
            "`hardneg audit sample` draws some for you to judge."
        )


def _training(look: FirstLook) -> Iterator[str]:
    yield f"\n[train]\n{_set('max_tokens', *_cut(look))}"
    if look.n_pairs < _FEW_PAIRS:
        yield _comment(
            f"{look.n_pairs:,} pairs are few steps; more epochs may help, and a split for development tells:"
        )
        yield "# epochs = 3\n"
    if look.n_pairs > _MANY_PAIRS:
        yield _comment(f"{look.n_pairs:,} pairs; a part of them shows within less time whether it is worth it:")
        yield "# max_pairs = 10000\n"
    if look.development is not None:
        yield _comment(f"Measures on {look.development} while it trains, and keeps the best model:")
        yield f'# watch = {{ split = "{look.development}", keep = "best" }}\n'


def _measuring(look: FirstLook) -> Iterator[str]:
    yield "\n[evaluate]\n"
    if look.measured != "test":
        yield _set("split", look.measured, "there is no test; deal one with `hardneg data split` before you report")
    yield _comment("Beside the trained model: words alone, the model before training, and training without mined ones.")
    yield f'rows = ["bm25", "zero_shot", "in_batch"]\nmax_tokens = {_cut(look)[0]}\n'


def _cut(look: FirstLook) -> tuple[int, str]:
    """Choose where texts are cut, and say why."""
    p95 = max(look.check.query_lengths.p95, look.check.document_lengths.p95)
    cut = next((each for each in _CUTS if each >= p95 * _TOKENS_PER_WORD), None)
    if cut is not None:
        return cut, f"covers 95 % of the texts, of up to {p95:,.0f} words; the model's own limit if left out"
    return _CUTS[-1], f"cuts texts, of which 95 % have up to {p95:,.0f} words: time grows faster than they do"


def _words(lengths: Lengths) -> str:
    return f"median {lengths.median:,.0f} words, 95 % up to {lengths.p95:,.0f}, longest {lengths.longest:,}"


def _set(key: str, value: object, reason: str) -> str:
    return f"{key} = {toml_value(value)}  # {reason}\n"


def _comment(text: str, *, hanging: bool = False) -> str:
    plain = " ".join(text.split())  # names in a dataset may hold line breaks, and a comment ends there
    lines = textwrap.wrap(
        "".join(each if each.isprintable() else "?" for each in plain),
        _WIDTH,
        subsequent_indent="  " if hanging and plain.startswith("-") else "",
        break_on_hyphens=False,
    )
    return "".join(f"# {line}\n" for line in lines)


def _beside(dataset: str, out: Path) -> str:
    """Name a path as seen from the recipe, where it is looked for first."""
    path = named_path(dataset)
    return dataset if path is None or not path.exists() else os.path.relpath(path.absolute(), out.parent.resolve())
