"""What the help of each command ends with: one or two lines to be typed, with a dataset in `data/mine`."""

from collections.abc import Iterator

import typer

EXAMPLES: dict[str, tuple[str, ...]] = {
    "fit": ("hardneg fit data/mine -o fits/mine", "hardneg fit data/mine --minutes 30 -o fits/mine"),
    "init": ("hardneg init data/mine -o mine.toml", "hardneg init pairs.csv --query question --positive answer"),
    "run": ("hardneg run mine.toml -o runs/mine", "hardneg run nv_retriever --dataset data/mine -o runs/nv_retriever"),
    "mine": (
        "hardneg mine data/mine -o runs/mine",
        "hardneg mine data/mine --source bm25 --source 'dense(max_tokens=128)' --per-query 4 -o runs/mine",
    ),
    "calibrate": ("hardneg calibrate data/mine --budget 0.01",),
    "review": ("hardneg review runs/mine", "hardneg review runs/mine --export verdicts.csv"),
    "report": ("hardneg report runs/mine",),
    "ladder": ("hardneg ladder data/mine -o ladders/mine",),
    "compare": ("hardneg compare runs/first runs/second",),
    "estimate": ("hardneg estimate data/mine --train-steps 1000", "hardneg estimate data/mine --hours 8"),
    "status": ("hardneg status runs/mine",),
    "score": (
        "hardneg score data/mine --negatives runs/mine --scorer 'cross_encoder(model=\"models/teacher\")' -o scores",
    ),
    "train": ("hardneg train data/mine --negatives runs/mine -o models/mine",),
    "encode": ("hardneg encode data/mine --model models/mine -o vectors/mine",),
    "evaluate": (
        "hardneg evaluate data/mine --model models/mine",
        "hardneg evaluate data/mine --model models/mine --bm25 english --split dev",
    ),
    "export": (
        "hardneg export runs/mine --form flagembedding --scores -o train.jsonl",
        "hardneg export models/mine --form onnx -o served/mine",
    ),
    "push": (
        "hardneg push runs/mine me/mine-negatives --license cc-by-4.0 --dry-run",
        "hardneg push fits/mine me/mine-retrieval --license apache-2.0",
    ),
    "pull": ("hardneg pull me/mine-negatives -o pulled/mine",),
    "verify": ("hardneg verify runs/mine",),
    "doctor": ("hardneg doctor", "hardneg doctor --json > machine.json"),
    "cache ls": ("hardneg cache ls",),
    "cache prune": ("hardneg cache prune --older-than 90 --kind vectors",),
    "teacher train": (
        "hardneg teacher train data/mine --model BAAI/bge-reranker-base --negatives runs/mine -o models/teacher",
    ),
    "audit planted": ("hardneg audit planted data/mine --recipe mine.toml",),
    "audit judged": ("hardneg audit judged data/mine --source bm25",),
    "audit sample": ("hardneg audit sample data/mine --negatives runs/mine --write sample.csv",),
    "audit frontier": ("hardneg audit frontier data/mine --plot frontier.svg",),
    "data check": ("hardneg data check data/mine",),
    "data sections": ("hardneg data sections acts.jsonl -o data/law",),
    "data pairs": ("hardneg data pairs pairs.csv --test-share 0.2 -o data/mine",),
    "data conversations": ("hardneg data conversations dialogues.jsonl -o data/chat",),
    "data python": ("hardneg data python stdlib -o data/stdlib",),
    "data code": ("hardneg data code src/ -o data/code",),
    "data interactions": ("hardneg data interactions ratings.csv -o data/ratings",),
    "data questions": (
        "hardneg data questions handbook/ -o data/handbook",
        "hardneg data questions articles.jsonl --kind title --kind crop -o data/articles",
    ),
    "data split": ("hardneg data split data/mine --test-share 0.2 --dev-share 0.1 -o data/dealt",),
}


def with_examples(app: typer.Typer, *, before: str = "") -> None:
    """Put each command's examples at the end of its help."""
    for command in app.registered_commands:
        name = str(command.name or getattr(command.callback, "__name__", ""))
        command.epilog = "\n\n".join(_lines(before + name)) or command.epilog
    for group in app.registered_groups:
        if group.typer_instance is not None:
            with_examples(group.typer_instance, before=f"{before}{group.name} ")


def _lines(name: str) -> Iterator[str]:
    examples = EXAMPLES.get(name, ())
    if examples:
        yield "Example:" if len(examples) == 1 else "Examples:"
    yield from (f"  {each}" for each in examples)
