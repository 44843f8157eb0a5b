"""Conversations as the DSTC tracks give them: logs, labels and knowledge in three files.

`logs.json` is a list of conversations, each a list of `{"speaker", "text"}` up to the turn in question; `labels.json`
has one object for each, whose `knowledge` names the snippets of `knowledge.json` that answer (domain → entity →
reviews, faqs or docs). DSTC9 track 1, DSTC10 track 2 and DSTC11 track 5 are like this.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from hardneg.data.rejections import Rejections
from hardneg.domains.conversation.turns import At, Documents, Question, conversation_of, spoken

Part = Literal["logs", "labels", "knowledge"]


def part_of(value: object) -> Part | None:
    """Tell which of the three files a JSON value comes from; None if from none."""
    if isinstance(value, dict):
        return "knowledge" if value and all(isinstance(each, dict) for each in value.values()) else None
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, list):
        return "logs"
    return "labels" if isinstance(first, dict) and "target" in first else None


def read_knowledge(value: Mapping[str, Any], at: At, documents: Documents) -> None:
    """Take up every snippet; its id is made of domain, entity, kind and numbers, as `hotel-3-review-9-1`."""
    for domain, entities in value.items():
        for entity_id, entity in entities.items():
            here = at.inner(f"{domain} {entity_id}")
            if not isinstance(entity, dict):
                raise here.error(f"an entity must be an object, not {type(entity).__name__}")
            title = entity.get("name") or domain
            for kind, doc_id, text in _snippets(entity, here):
                full_id = f"{domain}-{entity_id}-{kind}-{doc_id}"
                metadata = {"title": str(title), "domain": str(domain), "kind": kind}
                documents.add(full_id, text, here, metadata=metadata)


def _snippets(entity: Mapping[str, Any], at: At) -> Iterator[tuple[str, str, str]]:
    try:
        for number, review in entity.get("reviews", {}).items():
            for sentence, text in review["sentences"].items():
                yield "review", f"{number}-{sentence}", str(text)
        for number, faq in entity.get("faqs", {}).items():
            yield "faq", str(number), f"{faq['question']} {faq['answer']}"
        for number, doc in entity.get("docs", {}).items():
            yield "doc", str(number), f"{doc['title']} {doc['body']}"
    except (KeyError, AttributeError, TypeError) as error:
        raise at.error(
            f"a review needs 'sentences', a faq 'question' and 'answer', a doc 'title' and 'body' ({error})"
        ) from None


def read_logs(
    logs: list[Any], labels: list[Any], *, at: tuple[At, At], documents: Documents, split: str, rejections: Rejections
) -> Iterator[Question]:
    """Read the questions that seek knowledge."""
    logs_at, labels_at = at
    if len(logs) != len(labels):
        raise labels_at.error(f"{len(labels):,} labels for the {len(logs):,} conversations of {logs_at.path.name}")
    for number, (turns, label) in enumerate(zip(logs, labels, strict=True), start=1):
        here = logs_at.inner(f"conversation {number}")
        if not isinstance(label, dict) or "target" not in label:
            raise labels_at.inner(f"label {number}").error("no key 'target'")
        if label["target"]:
            history = [_turn(turn, here.inner(f"turn {n}")) for n, turn in enumerate(turns, start=1)]
            doc_ids = _labelled(label, labels_at.inner(f"label {number}"), documents, rejections)
            titles = list(dict.fromkeys(documents.rows[doc_id]["title"] for doc_id in doc_ids))
            yield Question(
                conversation_of(history),
                str(turns[-1]["text"]).strip(),
                tuple(history[:-1]),
                tuple((doc_id, 1) for doc_id in doc_ids),
                here,
                split=split,
                entity=titles[0] if len(titles) == 1 else None,
            )


def _turn(turn: object, at: At) -> str:
    if not isinstance(turn, dict) or not all(isinstance(turn.get(key), str) for key in ("speaker", "text")):
        raise at.error("a turn must be an object with the texts 'speaker' and 'text'")
    return spoken(turn["speaker"], turn["text"])


def _labelled(label: Mapping[str, Any], at: At, documents: Documents, rejections: Rejections) -> list[str]:
    doc_ids = []
    for snippet in label.get("knowledge", []):
        try:
            kind = snippet.get("doc_type", "doc")
            parts = [snippet["domain"], snippet["entity_id"], kind, snippet["doc_id"]]
            parts += [snippet["sent_id"]] if kind == "review" else []
        except (KeyError, AttributeError, TypeError) as error:
            raise at.error(f"knowledge needs 'domain', 'entity_id' and 'doc_id' ({error})") from None
        doc_id = "-".join(map(str, parts))
        if doc_id in documents.rows:
            doc_ids.append(doc_id)
        else:
            at.reject(rejections, "unknown id", f"the knowledge has no snippet {doc_id!r}")
    return list(dict.fromkeys(doc_ids))
