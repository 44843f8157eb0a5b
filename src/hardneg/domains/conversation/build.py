"""A dataset from conversations: each labelled turn of a user is a query that has a history."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.query_form import QueryForm, in_form
from hardneg.data.readers.beir import read_records
from hardneg.data.reading import read_dataset
from hardneg.data.rejections import Rejections
from hardneg.domains.conversation.logs import part_of, read_knowledge, read_logs
from hardneg.domains.conversation.messages import read_messages
from hardneg.domains.conversation.places import placed
from hardneg.domains.conversation.speakers import with_speakers
from hardneg.domains.conversation.turns import SUFFIXES, At, Documents, Question, numbered_records, read_value
from hardneg.errors import DatasetError

DEFAULT_FORM = "last_turns(k=3)"
_TEXTS = ("id", "text", "title")


def is_conversation_file(path: Path) -> bool:
    """Tell by its name whether a file may hold conversations."""
    return path.is_file() and path.name.endswith(SUFFIXES)


def read_conversations(
    files: Sequence[str | Path],
    *,
    documents: str | Path | None = None,
    form: str = DEFAULT_FORM,
    name: str = "conversations",
    seed: int = 0,
    test_share: float = 0.2,
    dev_share: float = 0.1,
    rejections: Rejections,
) -> Dataset:
    """Build a dataset from conversations.

    Whole conversations go to a split, in an order that a hash of their id and the seed decides: no turn of a test
    conversation is seen in training. Logs of the DSTC tracks have no ids; there the first turn names the conversation.

    Args:
        files: Chats as JSON Lines or a JSON list (objects with `messages`, in OpenAI's or in MT-RAG's way), or DSTC's
            `logs.json`, `labels.json` and `knowledge.json`; with several pairs of logs and labels, each is a split
            named like its folder.
        documents: A JSON Lines file with `_id` and `text`, for labels that name documents by id.
        form: In which form queries are written: `last`, `last_turns(k=3)`, `history` or `rewrite`.
        name: What to call the dataset.
        seed: Which conversations go to which split.
        test_share: Share of the questions kept for testing, in [0, 1]; about, since conversations are never divided.
        dev_share: Likewise for choosing settings, in [0, 1 - test_share].
        rejections: What to do with a row that cannot be used.

    Returns:
        The dataset. Queries have `turn_text`, `history` (the turns before, the oldest first, each with its speaker),
        `conversation_id`, `turn` (from 1), `query_form` and, where known, `rewrite` and `entity`; documents with a
        title have it as `entity` too.

    Raises:
        DatasetError: A file cannot be read or is none of these, no turn is labelled, or a share is out of range.
    """
    QueryForm.parse(form)
    if min(test_share, dev_share) < 0 or test_share + dev_share > 1:
        raise DatasetError(f"test_share {test_share} and dev_share {dev_share} must lie in [0, 1], their sum too")
    pool = Documents()
    if documents is not None:
        table = read_records(Path(documents), rejections=rejections)
        metadata = [column for column in table.columns if column not in ("id", "text")]
        pool.rows = {row["id"]: row for row in table.select("id", "text", *metadata).iter_rows(named=True)}
    questions = list(_questions([Path(file) for file in files], pool, rejections))
    if not questions:
        raise DatasetError(
            "no turn of a user is labelled; say what answers it by 'positives' (texts) or 'doc_ids' at the message, "
            "or at the conversation for its last one",
            path=Path(files[0]),
        )
    splits = _splits(questions, seed=seed, test_share=test_share, dev_share=dev_share)
    return in_form(_dataset(questions, splits, pool, name=name, skipped=dict(rejections.counts)), form)


def read_in_form(
    files: Sequence[str | Path],
    *,
    form: str = DEFAULT_FORM,
    skip_invalid: bool = False,
    **options: Any,  # noqa: ANN401 - of `read_conversations`
) -> tuple[Dataset, FieldMapping | None]:
    """Build a dataset as `read_conversations`, or write the queries of one in a form and say what was found."""
    if len(files) == 1 and not is_conversation_file(Path(files[0])):
        return in_conversation_form(read_dataset(files[0], skip_invalid=skip_invalid), form)
    return read_conversations(files, form=form, rejections=Rejections(skip=skip_invalid), **options), None


def in_conversation_form(dataset: Dataset, form: str) -> tuple[Dataset, FieldMapping]:
    """Write the queries of a dataset that has a history in a form, and fill in what other formats leave out."""
    QueryForm.parse(form)
    queries, mapping = dataset.queries, FieldMapping("queries with a rewrite")
    if "history" in queries.columns:
        turns = queries["turn_text" if "turn_text" in queries.columns else "text"]
        history, speakers = with_speakers(queries["history"], turns)
        queries, mapping = placed(queries.with_columns(history))
        mapping = mapping.more(fields=[("speakers", speakers)])
    written = in_form(replace(dataset, queries=queries), form)
    return replace(written, documents=_with_entity(written.documents)), mapping


def _with_entity(documents: pl.DataFrame) -> pl.DataFrame:
    if "title" not in documents.columns or "entity" in documents.columns:
        return documents
    return documents.with_columns(entity=pl.when(pl.col("title") != "").then("title"))


def _questions(files: list[Path], documents: Documents, rejections: Rejections) -> Iterator[Question]:
    parts: dict[str, list[tuple[At, Any]]] = {"logs": [], "labels": [], "knowledge": []}
    for path in files:
        if not is_conversation_file(path):
            raise DatasetError(f"no such file of conversations; expected one of {', '.join(SUFFIXES)}", path=path)
        if ".jsonl" in path.suffixes:
            for at, record in numbered_records(path, rejections):
                yield from read_messages(record, at, documents, rejections)
            continue
        value, at = read_value(path), At(path)
        part = part_of(value)
        if part is not None:
            parts[part].append((at, value))
        elif isinstance(value, list) and value:
            yield from _conversations(value, at, documents, rejections)
        else:
            raise at.error("neither a list of conversations nor one of DSTC's logs, labels and knowledge")
    yield from _logs(parts, documents, rejections)


def _conversations(value: list[Any], at: At, documents: Documents, rejections: Rejections) -> Iterator[Question]:
    for number, record in enumerate(value, start=1):
        here = at.inner(f"conversation {number}")
        if not isinstance(record, dict):
            raise here.error(f"a conversation must be an object with 'messages', not {type(record).__name__}")
        yield from read_messages(record, here, documents, rejections)


def _logs(parts: dict[str, list[tuple[At, Any]]], documents: Documents, rejections: Rejections) -> Iterator[Question]:
    given = {part: [at.path for at, _ in each] for part, each in parts.items() if each}
    if not given:
        return
    if len(parts["logs"]) != len(parts["labels"]) or not parts["knowledge"]:
        shown = ", ".join(f"{part}: {' '.join(map(str, paths))}" for part, paths in given.items())
        raise DatasetError(f"DSTC needs logs, as many labels and the knowledge; found {shown}; name the others too")
    for at, value in parts["knowledge"]:
        read_knowledge(value, at, documents)
    pairs = list(zip(parts["logs"], parts["labels"], strict=True))
    for (logs_at, logs), (labels_at, labels) in pairs:
        split = logs_at.path.resolve().parent.name if len(pairs) > 1 else ""
        yield from read_logs(
            logs, labels, at=(logs_at, labels_at), documents=documents, split=split, rejections=rejections
        )


def _splits(questions: list[Question], *, seed: int, test_share: float, dev_share: float) -> list[str]:
    """Keep given splits; deal the other conversations to test, then dev, then train by where their middle falls."""
    undealt = [question.conversation_id for question in questions if not question.split]
    if not undealt:
        return [question.split for question in questions]
    sizes = pl.Series("id", undealt).value_counts()
    order = sizes["id"].map_elements(lambda each: blake2b(f"{seed}:{each}".encode(), digest_size=8).digest(), pl.Binary)
    dealt = (
        sizes.with_columns(order=order)
        .sort("order")
        .with_columns(middle=(pl.col("count").cum_sum() - pl.col("count") / 2) / len(undealt))
    )
    split = dealt.select(
        "id",
        split=pl.when(pl.col("middle") < test_share)
        .then(pl.lit("test"))
        .when(pl.col("middle") < test_share + dev_share)
        .then(pl.lit("dev"))
        .otherwise(pl.lit("train")),
    )
    of = dict(split.iter_rows())
    return [question.split or of[question.conversation_id] for question in questions]


def _dataset(
    questions: list[Question], splits: list[str], documents: Documents, *, name: str, skipped: dict[str, int]
) -> Dataset:
    ids = _ids(questions)
    queries = pl.DataFrame(
        {
            "id": ids,
            "text": [question.text for question in questions],
            "conversation_id": [question.conversation_id for question in questions],
            "turn": pl.Series([question.turn for question in questions], dtype=pl.Int32),
            "history": pl.Series([list(question.history) for question in questions], dtype=pl.List(pl.String)),
            "rewrite": pl.Series([question.rewrite for question in questions], dtype=pl.String),
            "entity": pl.Series([question.entity for question in questions], dtype=pl.String),
        }
    )
    columns = [column for column in queries.columns if queries[column].null_count() < queries.height]
    rows = [{"id": doc_id, **row} for doc_id, row in documents.rows.items()]
    table = pl.DataFrame(rows, infer_schema_length=None)
    order = [column for column in _TEXTS if column in table.columns]
    labels = [
        (query_id, doc_id, relevance, split)
        for query_id, question, split in zip(ids, questions, splits, strict=True)
        for doc_id, relevance in question.labels
    ]
    schema = {"query_id": pl.String, "doc_id": pl.String, "relevance": pl.Int32, "split": pl.String}
    dataset = Dataset.from_tables(
        queries.select(columns),
        _with_entity(table.select(*order, pl.exclude(order))),
        pl.DataFrame(labels, schema=schema, orient="row"),
        name=name,
    )
    return Dataset(dataset.queries, dataset.documents, dataset.qrels, name, skipped)


def _ids(questions: list[Question]) -> list[str]:
    """Name each question after its conversation and turn, and number those that share both."""
    seen: dict[str, Iterator[int]] = {}
    ids = []
    for question in questions:
        plain = f"{question.conversation_id}-{question.turn}"
        number = next(seen.setdefault(plain, count(1)))
        ids.append(plain if number == 1 else f"{plain}-{number}")
    return ids
