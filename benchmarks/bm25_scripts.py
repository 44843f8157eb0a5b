"""Which words should scripts without spaces, and Korean, give to BM25? And what does looking for them cost English?

    python benchmarks/bm25_scripts.py [--data FOLDER]

Prints, as Markdown, Recall@1, Recall@5 and nDCG@10 of each way to cut the sample of `tests/scripts_sample.jsonl`: 25
questions with their answers in English, Chinese, Japanese and Korean. With `--data`, also the processor time of
indexing the English sets, with and without bringing texts to one form first.
"""

import argparse
import json
import math
import re
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from hardneg.data.reading import read_dataset
from hardneg.search import words
from hardneg.search.analyzers import analyzer
from hardneg.search.bm25 import BM25Index
from hardneg.search.scripts import settled

SAMPLE = Path(__file__).parents[1] / "tests" / "scripts_sample.jsonl"
LETTERS = re.compile("[\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff]+|[\uac00-\ud7a3]+")
ENGLISH = ("scifact", "nfcorpus", "obliqa", "nl2bash", "staqc_python_annotated", "dstc11_track5_val", "banking77")
Cut = Callable[[str], list[str]]
CUTS: dict[str, Cut] = {
    "whole runs": lambda run: [run],
    "letters": list,
    "bigrams": lambda run: _pairs(run) or [run],
    "letters and bigrams": lambda run: [*run, *_pairs(run)],
    "whole runs and bigrams": lambda run: [run, *(_pairs(run) if len(run) > 2 else [])],
    "whole runs, letters and bigrams": lambda run: [run, *run, *_pairs(run)],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    rows = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    print("| language | words | Recall@1 | Recall@5 | nDCG@10 |\n|---|---|---|---|---|")
    for language in ("en", "zh", "ja", "ko"):
        queries, documents = zip(*(row[language] for row in rows), strict=True)
        ways = {name: _in_words(cut) for name, cut in CUTS.items()} if language != "en" else {}
        for name, way in {**ways, "hardneg": settled}.items():
            words.settled = way  # type: ignore[assignment]
            found, _ = BM25Index.build(pl.Series(documents), analyzer("english")).search(list(queries), 10)
            print(f"| {language} | {name} | " + " | ".join(f"{value:.3f}" for value in _measures(found)) + " |")
    if options.data:
        _speed(options.data)


def _in_words(cut: Cut) -> Callable[[pl.Series], pl.Series]:
    def apart(texts: pl.Series) -> pl.Series:
        return pl.Series(
            [LETTERS.sub(lambda run: f" {' '.join(cut(run[0]))} ", text) for text in texts], dtype=pl.String
        )

    return apart


def _pairs(run: str) -> list[str]:
    return [first + second for first, second in pairwise(run)]


def _measures(found: np.ndarray) -> tuple[float, float, float]:
    ranks = [row.tolist().index(i) + 1 if i in row else math.inf for i, row in enumerate(found)]
    gain = [1 / math.log2(rank + 1) for rank in ranks]
    return float(np.mean([r <= 1 for r in ranks])), float(np.mean([r <= 5 for r in ranks])), float(np.mean(gain))


def _speed(data: Path) -> None:
    texts = pl.concat([read_dataset(data / name).document_texts for name in ENGLISH])
    times: dict[str, list[float]] = {"as they are": [], "in one form": []}
    for _ in range(7):
        for name, way in (("as they are", lambda part: part), ("in one form", settled)):
            words.settled = way
            started = time.process_time()
            BM25Index.build(texts, analyzer("english"))
            times[name].append(time.process_time() - started)
    print(f"\nProcessor seconds to index {len(texts):,} English documents, the least of 7:\n")
    for name, of_way in times.items():
        print(f"- {name}: {min(of_way[1:]):.3f} (median {np.median(of_way[1:]):.3f})")


if __name__ == "__main__":
    main()
