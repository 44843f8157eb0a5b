"""How long does mining take, from texts to a table of negatives?

    python benchmarks/speed/end_to_end.py --data FOLDER --peers PYTHON [--queries 400] [--documents 1500]

A part of SciFact, NL2Bash and ObliQA each (the whole would take the peer half an hour): 4 negatives a query from the
model itself, whose score must lie 5 % below the positive's, beside `mine_hard_negatives` with the same margin. Models
are loaded, nothing is encoded yet.
"""

import json
import os
import tempfile
from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.filters import PositiveMargin
from hardneg.models.given import resolve_model
from hardneg.models.options import Precision
from hardneg.models.sentence_transformer import load_encoder
from hardneg.negatives import Selection
from hardneg.pipeline.mined import Mined
from hardneg.pipeline.mining import mine
from hardneg.sources import Dense
from measure import HERE, Bar, Figures, Work, alternate, parser, timed, write_result
from sampling import SPLITS, write_sample

OURS = {"hardneg": "mine_auto", "hardneg, float32": "mine_fp32"}
PEERS = {"mine_hard_negatives": "mine", "with FAISS": "mine_faiss", "with FAISS, bf16": "mine_faiss_bf16"}
BARS = {"mine_hard_negatives": 2.5, "with FAISS": 2.5, "with FAISS, bf16": 1}


def main(arguments: list[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--queries", type=int, default=400, help="of each set")
    options.add_argument("--documents", type=int, default=1500, help="of each set")
    options.add_argument("--max-tokens", type=int, default=256)
    options = options.parse_args(arguments)
    measured: dict[str, Figures] = {}
    bars, checks = [], {}
    for name, split in SPLITS.items():
        with tempfile.TemporaryDirectory() as folder:
            part = Path(folder) / name
            write_sample(options.data / name, split, part, n_queries=options.queries, n_documents=options.documents)
            given = {
                "model": resolve_model(options.model),
                "data": str(part),
                "folder": folder,
                "max_tokens": 64 if options.tiny else options.max_tokens,
                "per_query": 4,
                "margin": 0.05,
            }
            works = {one: Work(Path(__file__), function) for one, function in OURS.items()}
            if options.peers:
                works |= {one: Work(HERE / "peers_st.py", f, options.peers) for one, f in PEERS.items()}
            found = alternate(works, given, options)
            tables = {path.stem: json.loads(path.read_text()) for path in Path(folder).glob("*.found")}
        measured |= {f"{name}: {one}": figures for one, figures in found.items()}
        ours = {(query, document) for query, document in tables["mine_fp32"]}
        checks[f"{name}: negatives were found"] = bool(ours)
        for one, bound in BARS.items():
            if one in found:
                ratio = found[one]["seconds"] / found["hardneg"]["seconds"]
                bars.append(Bar(f"times {one}, {name}", ratio, bound))
        if "mine" in tables:
            theirs = {(query, document) for query, document in tables["mine"]}
            shared = len(ours & theirs) / len(theirs)
            measured[f"{name}: hardneg, float32"]["share of the peer's negatives"] = round(shared, 4)
            checks[f"{name}: the negatives are the peer's"] = shared > 0.9
    write_result(
        options,
        row="end_to_end",
        what="end to end from text",
        work=f"4 negatives a query, dense source, ratio margin: up to {options.queries} queries and "
        f"{options.documents:,} documents of each set",
        measured=measured,
        bars=bars,
        checks=checks,
    )


def mine_auto(given: Figures) -> Figures:
    """Mine with the defaults."""
    return _mine(given, "auto", "mine_auto")


def mine_fp32(given: Figures) -> Figures:
    """Mine with vectors in float32."""
    return _mine(given, "fp32", "mine_fp32")


def _mine(given: Figures, precision: Precision, name: str) -> Figures:
    dense = Dense(model=given["model"], max_tokens=given["max_tokens"], precision=precision)
    load_encoder(given["model"], max_tokens=given["max_tokens"], precision=precision).encode_queries(["warm up"] * 32)
    found: list[Mined] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HARDNEG_CACHE"] = f"{folder}/cache"

        def work() -> None:
            found.append(
                mine(
                    read_dataset(Path(given["data"])),
                    sources=[dense],
                    filters=[PositiveMargin(ratio=1 - given["margin"], score="dense")],
                    select=Selection(per_query=given["per_query"]),
                    out=Path(folder) / "run",
                )
            )

        seconds = timed(work)
    rows = _texts(found[0].negatives, read_dataset(Path(given["data"])))
    (Path(given["folder"]) / f"{name}.found").write_text(json.dumps(rows), encoding="utf-8")
    return {"seconds": seconds, "negatives": len(rows)}


def _texts(negatives: pl.DataFrame, dataset: Dataset) -> list[tuple[str, str]]:
    queries = dataset.query_texts.gather(negatives["query"]).to_list()
    documents = dataset.document_texts.gather(negatives["document"]).to_list()
    return list(zip(queries, documents, strict=True))


if __name__ == "__main__":
    main()
