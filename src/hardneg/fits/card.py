"""The card of a model: what it was made from and how, what it is worth, and how to use it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hardneg.fits.baselines import ZERO_SHOT

CARD = "README.md"
_HEAD = """---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
base_model: {base}
tags:
- sentence-transformers
- feature-extraction
- sentence-similarity
- hardneg
---

"""


def model_card(found: Mapping[str, Any], *, name: str, prompts: Mapping[str, str], recipe: str) -> str:
    """Write the card of the model that a fit hands over, as Markdown with the head that the Hub reads.

    It says what `fit.json` says, which texts the model puts before queries and documents, and with which recipe it was
    trained, which is empty if nothing was.
    """
    base = found["model"]
    parts = [f"# {name}", *_what(found), *_test(found), *_how(found), *_use(prompts), *_limits(found)]
    if recipe:
        parts += ["## Recipe", f"`hardneg run recipe.toml` trains it again.\n\n```toml\n{recipe.strip()}\n```"]
    return _HEAD.format(base=base.removeprefix("package:")) + "\n\n".join(parts) + "\n"


def write_card(place: Path, text: str) -> None:
    """Put the card into a model's folder."""
    (place / CARD).unlink(missing_ok=True)  # another name of the file may be that of the training's own folder
    (place / CARD).write_text(text, encoding="utf-8")


def _what(found: Mapping[str, Any]) -> Iterator[str]:
    counts, choice = found["counts"], found["choice"]
    if choice["strategy"] == ZERO_SHOT:
        yield f"`{found['model']}` as it is: no training that was tried beat it on development queries."
        return
    entry, again = choice["entry"], ", trained again with their labels" if found["is_anew"] else ""
    yield (
        f"A two-tower retrieval model: `{found['model']}` trained on {counts['trained_pairs']:,} pairs of "
        f"{counts['name']} by the strategy `{choice['strategy']}` ({counts['about']}), learning rate "
        f"{entry['rate']:g}, {round(entry['steps'] * found['grown']):,} steps. It was chosen among "
        f"{counts['trainings']} trainings on development queries{again}, and tested once."
    )


def _test(found: Mapping[str, Any]) -> Iterator[str]:
    measure, best = found["measure"], found["choice"]["strategy"]
    rows, comparisons = found["test"]["rows"], found["test"]["comparisons"]
    lines = [f"| | {measure} | 95 % interval | this model's gain |", "|---|---|---|---|"]
    for name, row in rows.items():
        one, against = row[measure], comparisons.get(name)
        gain = ""
        if against is not None:
            ends = f"[{against['low']:+.4f}, {against['high']:+.4f}]"
            gain = f"{against['difference']:+.4f} {ends}, p = {against['p_value']:.4f}"
        label = f"**{name}** (this model)" if name == best else name
        lines.append(f"| {label} | {one['value']:.4f} | [{one['low']:.4f}, {one['high']:.4f}] | {gain} |")
    n = next(iter(rows.values()))[measure]["n"]
    yield f"## Test\n\n{n:,} test queries against {found['counts']['documents']:,} documents, measured once."
    yield "\n".join(lines)


def _how(found: Mapping[str, Any]) -> Iterator[str]:
    counts = found["counts"]
    facts = {
        "dataset": f"{counts['name']}, fingerprint `{counts['fingerprint']}`",
        "mining": counts.get("mining", ""),
        "audit": counts.get("audit", ""),
        "hardneg": found["versions"].get("hardneg", ""),
        "machine": found["machine"],
    }
    yield "## Made from"
    yield "\n".join(f"- {key}: {value}" for key, value in facts.items() if value)


def _use(prompts: Mapping[str, str]) -> Iterator[str]:
    yield (
        "## Use\n\n```python\nfrom sentence_transformers import SentenceTransformer\n\n"
        'model = SentenceTransformer("path/of/this/folder")\n'
        'queries = model.encode_query(["…"])\n'
        'documents = model.encode_document(["…"])\n'
        "scores = model.similarity(queries, documents)\n```"
    )
    texts = [f"`{prompt}` before each {name}" for name, prompt in prompts.items() if prompt]
    yield f"It puts {', '.join(texts)}, by itself." if texts else "It puts no prompt before queries or documents."


def _limits(found: Mapping[str, Any]) -> Iterator[str]:
    steps = "\n".join(f"1. {each['what']}: {each['why']}." for each in found["next_steps"])
    yield f"## What would help next\n\n{steps}"
