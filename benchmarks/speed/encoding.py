"""How fast are documents encoded, and does bfloat16 change rankings?

    python benchmarks/speed/encoding.py --data FOLDER --peers PYTHON [--every 10] [--max-tokens 256]

Every tenth document of SciFact and ObliQA, in the blocks of the vector store, beside sentence-transformers' `encode`
with its defaults and with its model in bfloat16. Rankings are compared on all documents and test queries.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np

from hardneg.data.reading import read_dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.models.given import resolve_model
from hardneg.models.options import Precision
from hardneg.models.sentence_transformer import load_encoder
from hardneg.models.store import BLOCK
from hardneg.sources import Dense
from measure import HERE, Bar, Figures, Work, alternate, call, parser, timed, write_result
from sampling import texts_of

SETS = ("scifact", "obliqa")


def main(arguments: list[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--every", type=int, default=10)
    options.add_argument("--max-tokens", type=int, default=256)
    options = options.parse_args(arguments)
    max_tokens = 64 if options.tiny else options.max_tokens
    texts = texts_of(options.data, SETS, every=1 if options.tiny else options.every)
    given = {"model": resolve_model(options.model), "texts": texts, "max_tokens": max_tokens}
    works = {"hardneg": Work(Path(__file__), "encode_auto"), "hardneg, float32": Work(Path(__file__), "encode_fp32")}
    if options.peers:
        names = {"encode": "encode", "encode, bf16": "encode_bf16", "encode, bf16, batches of 128": "encode_bf16_wide"}
        works |= {name: Work(HERE / "peers_st.py", function, options.peers) for name, function in names.items()}
    measured = alternate(works, given, options)
    for one in measured.values():
        one["documents_per_s"] = round(len(texts) / one["seconds"], 1)
    bars = [
        Bar(f"times `{name}`", measured[name]["seconds"] / measured["hardneg"]["seconds"], 3 if name == "encode" else 1)
        for name in list(works)[2:]
    ]
    away = {name: _away(name, options, max_tokens) for name in SETS}
    bars += [Bar(f"nDCG@10 away from float32, {name}", each, 0.001, at_most=True) for name, each in away.items()]
    write_result(
        options,
        row="encoding",
        what="encoding",
        work=f"{len(texts):,} documents, every {options.every}th of SciFact and ObliQA, {max_tokens} tokens",
        measured=measured,
        bars=bars,
        checks={"bfloat16 and float32 give the same vectors but for rounding": _agree(given)},
    )


def encode_auto(given: Figures) -> Figures:
    """Encode as mining does."""
    return _encode(given, "auto")


def encode_fp32(given: Figures) -> Figures:
    """Encode in float32."""
    return _encode(given, "fp32")


def _encode(given: Figures, precision: Precision) -> Figures:
    encoder = load_encoder(given["model"], max_tokens=given["max_tokens"], precision=precision)
    texts = given["texts"]
    encoder.encode_documents(texts[:32])
    blocks = [texts[at : at + BLOCK] for at in range(0, len(texts), BLOCK)]
    return {"seconds": timed(lambda: [encoder.encode_documents(block) for block in blocks])}


def ndcg(given: Figures) -> Figures:
    """Measure the test split with vectors of one precision."""
    dataset = read_dataset(Path(given["data"]))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HARDNEG_CACHE"] = folder
        dense = Dense(model=given["model"], max_tokens=given["max_tokens"], precision=given["precision"])
        return {"nDCG@10": evaluate(dataset, dense, split="test", depth=100).metrics["nDCG@10"]}


def _away(name: str, options: argparse.Namespace, max_tokens: int) -> float:
    """Say how far nDCG@10 moves by the precision."""
    given = {"data": str(options.data / name), "model": options.model, "max_tokens": max_tokens}
    found = [call(Work(Path(__file__), "ndcg"), given | {"precision": one}, options) for one in ("bf16", "fp32")]
    return abs(found[0]["nDCG@10"] - found[1]["nDCG@10"])


def _agree(given: Figures) -> bool:
    some = given["texts"][:32]
    loaded = [load_encoder(given["model"], max_tokens=given["max_tokens"], precision=p) for p in ("bf16", "fp32")]
    both = [encoder.encode_documents(some) for encoder in loaded]
    return bool(np.min(np.sum(both[0] * both[1], axis=1)) > 0.99)


if __name__ == "__main__":
    main()
